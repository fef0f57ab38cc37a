/* The shell: which view is shown where, and the tabs that lead there. */

import { byId, el } from "./dom.js";
import { failure } from "./notices.js";
import { Router } from "./router.js";

/**
 * @typedef {object} View
 * @property {(place: import("./router.js").Place) => void} show Bring the view to a place.
 */
/**
 * @typedef {object} Page What a view is given.
 * @property {HTMLElement} root   Where it draws itself.
 * @property {HTMLElement} tools  A place in the header, for its own controls.
 * @property {Router} router
 */

/* A view's module exports `open(page: Page): Promise<View>` and is loaded when it is first shown. */
const VIEWS = [
  { name: "Search", path: "/", at: /^\/(item\/[^/]+)?$/, load: () => import("./search/view.js") },
];

const main = byId("view");
/** @type {Map<object, Promise<{root: HTMLElement, view: View}>>} */
const opened = new Map();
/** @type {?(typeof VIEWS)[number]} */
let current = null;

const viewOf = (path) => VIEWS.find(({ at }) => at.test(path));
const router = new Router((path) => Boolean(viewOf(path)));

router.addEventListener("change", async (event) => {
  const place = /** @type {CustomEvent<import("./router.js").Place>} */ (event).detail;
  const wanted = viewOf(place.path) ?? VIEWS[0];
  showTabs(wanted);
  try {
    if (!opened.has(wanted)) opened.set(wanted, openView(wanted));
    const { root, view } = await /** @type {Promise<{root: HTMLElement, view: View}>} */ (opened.get(wanted));
    if (current !== wanted) main.replaceChildren(root);
    current = wanted;
    main.setAttribute("aria-label", wanted.name);
    view.show(place);
  } catch (error) {
    opened.delete(wanted);
    main.replaceChildren(
      failure("This page could not be loaded", "Check the connection.", "Load again", () =>
        location.reload(),
      ),
    );
    throw error;
  }
});

async function openView({ load }) {
  const root = el("div", { class: "view" });
  const { open } = await load();
  return { root, view: await open({ root, tools: byId("tools"), router }) };
}

function showTabs(wanted) {
  const tabs = byId("tabs");
  tabs.hidden = VIEWS.length < 2;
  tabs.replaceChildren(
    ...VIEWS.map((view) =>
      el("a", { href: view.path, class: "tab", "aria-current": view === wanted && "page" }, view.name),
    ),
  );
}

router.start();
