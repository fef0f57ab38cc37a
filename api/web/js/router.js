/* Where the page is, and the browser's history.

   Links inside the page are ordinary links (they can be copied, or opened in a
   new tab); a plain click on one is answered here without loading the page. */

/**
 * @typedef {object} Place
 * @property {string} path
 * @property {URLSearchParams} query
 * @property {boolean} traversed Whether the reader went back or forward, or reloaded.
 * @property {number} scrollY    Where the reader was, when traversed.
 */

export class Router extends EventTarget {
  #isLeaving = false; // the browser goes back in a moment

  /**
   * @param {(path: string) => boolean} knows Whether the page has a view for a path.
   * @param {Record<string, string>} kept What every address has, whatever is asked for.
   */
  constructor(knows, kept = {}) {
    super();
    this.knows = knows;
    this.kept = kept;
    history.scrollRestoration = "manual"; // results come later than the browser would scroll
    addEventListener("popstate", () => {
      this.#isLeaving = false;
      this.#arrive(true);
    });
    addEventListener("pagehide", () => this.#rememberScroll());
    document.addEventListener("click", (event) => this.#followLink(event));
  }

  /** Tell where the page is. */
  start() {
    this.#arrive(true);
  }

  /**
   * @param {string} url
   * @param {{replace?: boolean}} [how] With `replace` no entry of the history is made, nor for where the page is.
   */
  go(url, { replace = false } = {}) {
    this.#isLeaving = false;
    const address = new URL(url, location.href);
    for (const [name, value] of Object.entries(this.kept)) address.searchParams.set(name, value);
    if (replace || address.href === location.href) history.replaceState({ ...history.state }, "", address);
    else {
      this.#rememberScroll();
      history.pushState({ within: true }, "", address);
    }
    this.#arrive(false);
  }

  /**
   * Leave what was opened here by going back; what was opened by its address, for `url`.
   * @param {string} url
   */
  leave(url) {
    if (this.#isLeaving) return;
    this.#isLeaving = Boolean(history.state?.within);
    if (this.#isLeaving) history.back();
    else this.go(url, { replace: true });
  }

  #arrive(traversed) {
    const place = {
      path: location.pathname,
      query: new URLSearchParams(location.search),
      traversed,
      scrollY: history.state?.scrollY ?? 0,
    };
    this.dispatchEvent(new CustomEvent("change", { detail: place }));
  }

  #rememberScroll() {
    history.replaceState({ ...history.state, scrollY }, "");
  }

  /** @param {MouseEvent} event */
  #followLink(event) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link?.href || modified || event.button !== 0 || event.defaultPrevented || link.target) return;
    if (link.origin !== location.origin || link.hash || !this.knows(link.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}
