/* The shell: which view is shown where, and the tabs that lead there. */

import { access, askForKey, hasKey, mayWrite } from "./access.js";
import { byId, el, fillTabs, iconButton } from "./dom.js";
import { loadWords, t } from "./language.js";
import { failure } from "./notice.js";
import { Router } from "./router.js";
import { settings } from "./settings.js";

/**
 * @typedef {object} View
 * @property {(place: import("./router.js").Place) => void} show Bring the view to a place.
 */
/**
 * @typedef {object} Page What a view is given.
 * @property {HTMLElement} root   Where it draws itself; out of the document while another one is shown.
 * @property {HTMLElement} tools  A place in the header, for its own controls.
 * @property {Router} router
 */

/* A view's module exports `open(page: Page): Promise<View>` and is loaded when it is first shown, with
   the words named as the view. Those that change something have a tab where that is allowed. */
const VIEWS = [
  {
    name: /** @type {const} */ ("search"),
    path: "/",
    at: /^\/(item\/[^/]+)?$/,
    writes: false,
    load: () => import("./search/view.js"),
  },
  {
    name: /** @type {const} */ ("catalog"),
    path: "/catalog",
    at: /^\/catalog$/,
    writes: true,
    load: () => import("./catalog/view.js"),
  },
  {
    name: /** @type {const} */ ("classify"),
    path: "/classify",
    at: /^\/classify$/,
    writes: true,
    load: () => import("./classify/view.js"),
  },
  {
    name: /** @type {const} */ ("quality"),
    path: "/quality",
    at: /^\/quality$/,
    writes: true,
    load: () => import("./quality/view.js"),
  },
];

const main = byId("view");
/** @type {Map<object, Promise<{root: HTMLElement, tools: HTMLElement, view: View}>>} */
const opened = new Map();
/** @type {?(typeof VIEWS)[number]} */
let current = null;

/** @param {(typeof VIEWS)[number]} view */
const nameOf = ({ name }) => t(`shell.view.${name}`);
const viewOf = (path) => VIEWS.find(({ at }) => at.test(path));
const wantedView = () => viewOf(location.pathname) ?? VIEWS[0];
const router = new Router((path) => Boolean(viewOf(path)), settings.embedded ? { embed: "1" } : {});

router.addEventListener("change", async (event) => {
  const place = /** @type {CustomEvent<import("./router.js").Place>} */ (event).detail;
  const wanted = wantedView();
  showTabs();
  try {
    if (!opened.has(wanted)) opened.set(wanted, openView(wanted));
    const { root, tools, view } = await /** @type {NonNullable<ReturnType<typeof opened.get>>} */ (
      opened.get(wanted)
    );
    if (wanted !== wantedView()) return;
    if (current !== wanted) {
      main.replaceChildren(root);
      byId("tools").replaceChildren(tools);
    }
    current = wanted;
    main.setAttribute("aria-label", nameOf(wanted));
    view.show(place);
  } catch (error) {
    opened.delete(wanted);
    if (wanted !== wantedView()) return;
    current = null;
    main.replaceChildren(
      failure(
        t("shell.unloaded.title"),
        t("shell.unloaded.text"),
        t("shell.unloaded.again"),
        () => location.reload(),
      ),
    );
    throw error;
  }
});

async function openView({ name, load }) {
  const root = el("div", { class: "view" });
  const tools = el("div", { class: "topbar-tools" });
  const [{ open }] = await Promise.all([load(), loadWords("problems", name)]);
  return { root, tools, view: await open({ root, tools, router }) };
}

function showTabs() {
  const shown = VIEWS.filter(({ writes }) => !writes || (mayWrite(access.value) && !settings.embedded));
  const wanted = wantedView();
  const tabs = byId("tabs");
  tabs.hidden = shown.length < 2;
  fillTabs(
    tabs,
    ...shown.map((view) =>
      el("a", { href: view.path, class: "tab", "aria-current": view === wanted && "page" }, nameOf(view)),
    ),
  );
}

const keyButton = iconButton("key", t("shell.key"), {
  id: "key-button",
  hidden: true,
  click: async () => (await askForKey()) && location.reload(),
});
byId("theme").before(keyButton);
access.shownBy((allowed) => {
  keyButton.hidden = allowed ? allowed.anonymous === "admin" : !hasKey();
  showTabs();
});

if (settings.embedded) import("./embedding.js").then(({ tellParent }) => tellParent());
router.start();
import("./server.js").then(({ findAccess }) => findAccess()); // the shell does not wait for it
