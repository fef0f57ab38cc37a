/* Items to decide on, one after the other, by a key each. */

import { button, el } from "../../dom.js";
import { isModified } from "../../keys.js";
import { fill } from "../../redraw.js";
import { once } from "../../once.js";
import { t } from "../../language.js";
import { nothingNotice } from "../../notices.js";

const PAGE = 20;

/** @typedef {import("../../client.js").Item} Item */
/** @typedef {{text: string, undo: ?(() => Promise<unknown>)}} Step */
/**
 * @typedef {object} Deciding
 * @property {string} name   Of the list.
 * @property {string} keys   What the keys do.
 * @property {(item: *) => Node[]} draw
 * @property {Record<string, (item: *, restore: () => void) => Promise<?Step>>} actions By key; null where the
 *   item stays. What brings the item back by another way than `undo` calls `restore`.
 * @property {[title: string, text: string]} nothing What is said where there was none.
 * @property {() => Promise<*[]>} next The next items; empty at the end.
 * @property {(work: () => Promise<*>) => Promise<*>} act Do something; where it fails, say so.
 */

/** @param {Deciding} deciding */
export function suspectList({ name, keys, draw, actions, nothing, next, act }) {
  /** @type {Map<HTMLElement, *>} */
  const rows = new Map();
  /** @type {?{row: HTMLElement, before: ?Element, undo: () => Promise<unknown>}} */
  let last = null;
  let seen = 0;
  /** @type {?Promise<void>} */
  let fetching = null;
  const list = el("ul", { class: "suspects", role: "list", "aria-label": name });
  const said = el("p", { class: "suspects-said", role: "status" });
  const end = el("div", {});
  const more = button({ hidden: true, click: once(() => act(fetchMore)) }, t("review.more"));
  const element = el(
    "div",
    { class: "stack-tight" },
    el("div", { class: "suspects-top" }, el("p", { class: "muted desk-only suspects-keys" }, keys), said),
    list,
    end,
    more,
  );

  /** @param {*} item */
  function rowOf(item) {
    const row = el("li", { class: "suspect", tabindex: -1 }, ...draw(item));
    row.addEventListener("click", (event) => {
      const act = event.target instanceof Element ? event.target.closest("[data-key]") : null;
      if (act) decide(row, /** @type {HTMLElement} */ (act).dataset.key ?? "");
    });
    rows.set(row, item);
    return row;
  }

  /** @param {KeyboardEvent} event @param {?Element} row */
  function onKey(event, row) {
    if (isModified(event) || !(row instanceof HTMLElement)) return;
    const isButton = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
    const key = event.key.toLowerCase();
    if (key === "arrowdown" || key === "j") focus(row.nextElementSibling);
    else if (key === "arrowup") focus(row.previousElementSibling);
    else if (key === "z") takeBack();
    else if (key in actions && !(key === "enter" && isButton)) decide(row, key);
    else return;
    event.preventDefault();
  }

  /** @param {HTMLElement} row @param {string} key */
  async function decide(row, key) {
    if (row.hasAttribute("aria-busy") || !actions[key]) return;
    row.setAttribute("aria-busy", "true");
    /** @type {?Element} */
    let before = null;
    const isHere = (/** @type {Element} */ place) => place.contains(document.activeElement);
    const hadFocus = isHere(row) || document.activeElement === document.body;
    const step = await actions[key](rows.get(row), () => restore(row, before));
    row.removeAttribute("aria-busy");
    if (!step) return;
    before = row.nextElementSibling;
    const hasMovedOn = isHere(list) && !isHere(row);
    row.remove();
    last = step.undo && { row, before, undo: step.undo };
    const undo = last && button({ class: "button button-small", click: takeBack }, t("items.undo"));
    fill(said, step.text, " ", undo);
    if (hadFocus && !hasMovedOn) focus(before ?? list.lastElementChild);
    if (list.children.length < PAGE / 2 && !more.hidden) await act(fetchMore);
    if (hadFocus && document.activeElement === document.body) focus(list.firstElementChild); // none was left for it
    showEnd();
  }

  async function takeBack() {
    if (!last) return;
    const step = last;
    last = null;
    if ((await step.undo()) !== undefined) restore(step.row, step.before);
    else if (!list.contains(step.row)) last ??= step; // it can be tried again
  }

  /** @param {HTMLElement} row @param {?Element} before */
  function restore(row, before) {
    list.insertBefore(row, before?.parentNode === list ? before : null);
    last = null;
    said.textContent = t("review.undone");
    showEnd();
    focus(row);
  }

  /** @param {?Element} row */
  function focus(row) {
    if (row instanceof HTMLElement) {
      row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
  }

  /** Once, however many ask before it is there. */
  async function fetchMore() {
    const mine = (fetching ??= fetchPage());
    try {
      await mine;
    } finally {
      if (fetching === mine) fetching = null;
    }
  }

  async function fetchPage() {
    const items = await next();
    seen += items.length;
    more.hidden = items.length === 0;
    list.append(...items.map(rowOf));
    const [first] = list.children;
    if (first && !list.querySelector("[tabindex='0']")) first.setAttribute("tabindex", "0");
    showEnd();
  }

  document.addEventListener("keydown", (event) => {
    const isFree = event.target === document.body && element.isConnected;
    if (isFree && !document.querySelector("dialog[open]")) onKey(event, list.querySelector("[tabindex='0']"));
  });
  list.addEventListener("keydown", (event) =>
    onKey(event, /** @type {Element} */ (event.target).closest(".suspect")),
  );
  list.addEventListener("focusin", (event) => {
    const row = event.target instanceof Element ? event.target.closest(".suspect") : null;
    for (const each of list.querySelectorAll(".suspect[tabindex='0']")) each.setAttribute("tabindex", "-1");
    row?.setAttribute("tabindex", "0");
  });

  function showEnd() {
    const isOver = list.children.length === 0 && more.hidden;
    const settled = /** @type {const} */ ([t("review.settled.title"), t("review.settled.text")]);
    fill(end, isOver && nothingNotice(...(seen ? settled : nothing)));
    list.hidden = list.children.length === 0;
    if (!list.hidden && !list.querySelector("[tabindex='0']")) list.children[0].setAttribute("tabindex", "0");
  }

  return {
    element,
    /** Begin anew. */
    async start() {
      rows.clear();
      list.replaceChildren();
      said.textContent = "";
      last = null;
      seen = 0;
      fetching = null;
      more.hidden = false;
      await fetchMore();
    },
    clear() {
      list.replaceChildren();
      list.hidden = true;
      end.replaceChildren();
      said.textContent = "";
      more.hidden = true;
    },
  };
}

/** A button for what a key does. @param {string} key @param {string} text @param {string} [kind] */
export const keyButton = (key, text, kind = "") =>
  el(
    "button",
    { type: "button", class: `button button-small ${kind}`, "data-key": key },
    text,
    el("kbd", { class: "desk-only", "aria-hidden": "true" }, key === "enter" ? "↵" : key.toUpperCase()),
  );

/** What a reader decided to leave as it is, kept in this browser. */
export class Kept {
  #name;
  #keys;

  /** @param {string} name */
  constructor(name) {
    this.#name = `eyedex-kept-${name}`;
    try {
      this.#keys = new Set(JSON.parse(localStorage.getItem(this.#name) ?? "[]"));
    } catch {
      this.#keys = new Set(); // storage is switched off: it lasts as long as the page
    }
  }

  /** @param {string} key */
  has = (key) => this.#keys.has(key);

  /** @param {string} key */
  add(key) {
    this.#keys.add(key);
    this.#store();
  }

  /** @param {string} key */
  delete(key) {
    this.#keys.delete(key);
    this.#store();
  }

  #store() {
    try {
      localStorage.setItem(this.#name, JSON.stringify([...this.#keys]));
    } catch {
      /* see above */
    }
  }
}
