/* The catalog view: the collections, and of one of them its items, what is added, jobs, and review. */

import { access } from "../access.js";
import { Attempts } from "../attempts.js";
import { Problem } from "../client.js";
import { el, fillTabs, styles } from "../dom.js";
import { count } from "../format.js";
import { t } from "../language.js";
import { lateParts } from "../late.js";
import { server } from "../owner_server.js";
import { setTitle } from "../settings.js";
import { PARTS, START, parse, toUrl } from "./address.js";
import { Deletions } from "./deletions.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {{name: string, items: number, unsearchable: number, fields: string[], encoder: ?{name: string}}} Collection */
/**
 * @typedef {object} Around What a part needs of the view around it.
 * @property {(patch: Partial<State>) => string} href
 * @property {(patch: Partial<State>, how?: {replace?: boolean}) => void} go
 * @property {() => void} refresh Show the place again, with what the server says now.
 * @property {<T>(work: () => Promise<T>) => Promise<T|undefined>} act Do something; where it fails, say so.
 * @property {Deletions} deletions
 */
/**
 * @typedef {object} PartView
 * @property {HTMLElement} element
 * @property {(state: State, signal: AbortSignal, collection: Promise<?Collection>) => Promise<unknown>} show
 *   The signal ends when another place is shown; the collection is null until the first upload makes it.
 * @property {() => void} [enter] Forget what was said to whoever was here before.
 */

const LOAD = {
  overview: () => import("./overview.js"),
  items: () => import("./items.js"),
  add: () => import("./add.js"),
  jobs: () => import("./jobs.js"),
  review: () => import("./reviews.js"),
};

/** @param {import("../main.js").Page} page @returns {Promise<import("../main.js").View>} */
export async function open({ root, router }) {
  await styles("filters", "catalog");
  let state = START;
  let arrives = true; // also where the part that was asked for between was never shown
  const head = el("div", { class: "catalog-head" });
  const body = el("div", { class: "catalog-body" });
  const notice = el("div", { class: "notice-slot" });

  /** @type {Around} */
  const around = {
    href: (patch) => toUrl({ ...state, ...patch }),
    go: (patch, how) => router.go(around.href(patch), how),
    refresh: () => showState(state),
    act: (work) => attempts.act(work),
    deletions: new Deletions(() => root.isConnected && showState(state)),
  };
  const partOf = lateParts(LOAD, around);
  root.replaceChildren(head, notice, body, around.deletions.element);
  const attempts = new Attempts({
    root,
    notice,
    body,
    refresh: around.refresh,
    start: { label: t("catalog.to_collections"), act: () => router.go("/catalog") },
  });

  /** @param {State} wanted */
  const showState = (wanted) => attempts.show((signal) => attempt(wanted, signal));

  /** @param {State} wanted @param {AbortSignal} signal */
  async function attempt(wanted, signal) {
    const name = wanted.collection ? wanted.part : "overview";
    /** @type {PartView} */
    const part = await partOf(name, wanted.collection);
    if (signal.aborted) return;
    const hadFocus = root.contains(document.activeElement);
    if (part.element.parentNode !== body) body.replaceChildren(part.element);
    if (arrives) part.enter?.();
    arrives = false;
    showHead(wanted);
    if (hadFocus && !root.contains(document.activeElement)) {
      /** @type {?HTMLElement} */
      const here = head.querySelector("[aria-current]") ?? head.querySelector("h1");
      here?.focus({ preventScroll: true });
    }
    notice.replaceChildren();
    const described = wanted.collection ? describe(wanted.collection, signal) : Promise.resolve(null);
    await Promise.all([part.show(wanted, signal, described), described]);
  }

  const facts = el("p", { class: "muted", "aria-live": "polite" });

  /** @param {State} wanted */
  function showHead({ collection, part }) {
    const title = collection ?? t("shell.view.catalog");
    setTitle(title);
    const drawn = `${collection} ${part}`;
    if (head.dataset.drawn === drawn) return;
    head.dataset.drawn = drawn;
    const heading = el("h1", { tabindex: -1 }, title);
    if (!collection) {
      head.replaceChildren(heading);
    } else {
      const link = (/** @type {import("./address.js").Part} */ each) =>
        el(
          "a",
          {
            class: "tab",
            href: toUrl({ ...START, collection, part: each }),
            "aria-current": each === part && "page",
          },
          t(`catalog.part.${each}`),
        );
      const nav = el("nav", { class: "tabs", "aria-label": t("catalog.parts", { collection }) });
      head.replaceChildren(
        el(
          "div",
          {},
          el("p", { class: "eyebrow" }, el("a", { href: "/catalog" }, t("catalog.all"))),
          heading,
          facts,
        ),
        nav,
      );
      fillTabs(nav, ...PARTS.map(link));
    }
  }

  /** @param {string} name @param {AbortSignal} signal @returns {Promise<?Collection>} */
  async function describe(name, signal) {
    const { collections } = await server.listCollections({ signal });
    const found = collections.find((each) => each.name === name) ?? null;
    if (access.value?.collections?.includes(name) === false)
      throw new Problem({ title: "", code: "forbidden", status: 403 });
    const { items, unsearchable } = found ?? { items: 0, unsearchable: 0 };
    if (!signal.aborted)
      facts.textContent = [count(items, "item"), unsearchable && t("catalog.unsearchable", { count: unsearchable })]
        .filter(Boolean)
        .join(" · ");
    return found;
  }

  return {
    async show({ query, traversed, scrollY }) {
      const before = state;
      state = parse(query);
      const differs = (/** @type {keyof State} */ name) => state[name] !== before[name];
      arrives ||= differs("collection") || differs("part");
      const turned = arrives || differs("review") || differs("cursor");
      const shown = showState(state);
      if (traversed) shown.then(() => scrollTo({ top: scrollY }));
      else if (turned) scrollTo({ top: 0 });
    },
  };
}
