/* The current state and the browser's history.

   Links inside the page are ordinary links (they can be copied, or opened in a
   new tab); a plain click on one is answered here without loading the page. */

import { parse, toUrl } from "./state.js";

export class Router extends EventTarget {
  constructor() {
    super();
    this.state = parse(location.search, history.state);
    addEventListener("popstate", (event) => {
      this.#become(parse(location.search, event.state), { traversed: true });
    });
    document.addEventListener("click", (event) => this.#followLink(event));
  }

  /** Move to the current state changed by `patch`, as a new entry in the history. */
  go(patch) {
    const state = { ...this.state, ...patch };
    history.pushState({ photo: state.photo }, "", toUrl(state));
    this.#become(state, { traversed: false });
  }

  /** The URL of the current state changed by `patch`. */
  href(patch) {
    return toUrl({ ...this.state, ...patch });
  }

  #become(state, { traversed }) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("change", { detail: { traversed } }));
  }

  #followLink(event) {
    const link = event.target.closest?.("a[href]");
    const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || modified || event.button !== 0 || event.defaultPrevented || link.target) return;
    if (link.origin !== location.origin || link.pathname !== location.pathname || link.hash) return;
    event.preventDefault();
    // A link that only narrows a photo's results stays with that photo.
    const photo = link.hasAttribute("data-same-query") ? this.state.photo : null;
    this.go(parse(link.search, { photo }));
  }
}
