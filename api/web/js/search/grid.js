/* The grid of neighbors: cards, skeletons while waiting, the spoken count, and more when its end is seen. */

import { closeness } from "../closeness.js";
import { button, el, iconButton, labelText, picture, unseen } from "../dom.js";
import { count, itemName, itemPrice } from "../format.js";
import { isModified } from "../keys.js";
import { t } from "../language.js";

/** @typedef {import("../search_client.js").Neighbor} Neighbor */
/**
 * @typedef {object} Cards What a card needs of its page.
 * @property {(itemId: string) => string} hrefOf     Where the item is shown.
 * @property {(itemId: string) => string} similarTo  Where the page shows what is like it.
 * @property {import("./tray.js").Tray} tray
 */

const SKELETONS = 12;
const PART = 60; // a multiple of 2 to 6 columns: no row has a gap where one part ends and the next begins
const LONG_PRESS_MS = 450;

/** @param {Cards} cards @param {() => void} more Called when the end of the results comes into view. */
export function resultsGrid(cards, more) {
  const title = el("h2", { class: "found-title", tabindex: -1 });
  const live = el("p", { class: "found-count", "aria-live": "polite" });
  const list = el("div", { class: "grid-parts", role: "list", "aria-label": t("search.results"), hidden: true });
  const skeletons = el(
    "div",
    { class: "grid", "aria-hidden": "true", hidden: true },
    ...Array.from({ length: SKELETONS }, skeleton),
  );
  const moreButton = button({ class: "button more-results", hidden: true, click: () => more() }, t("search.more"));
  const element = el(
    "section",
    { class: "found", "aria-label": t("search.matches"), hidden: true },
    el("div", { class: "found-head" }, title, live),
    skeletons,
    list,
    moreButton,
  );
  const end = new IntersectionObserver((seen) => seen.at(-1)?.isIntersecting && more(), {
    rootMargin: "900px",
  });
  end.observe(moreButton);
  list.addEventListener("keydown", moveByArrows);

  let shown = 0;

  /** Cards stand in parts, as laying out one grid of thousands takes long. @param {Neighbor[]} neighbors */
  const add = (neighbors) => {
    for (const neighbor of neighbors) {
      if (shown % PART === 0) list.append(el("ul", { class: "grid", role: "presentation" }));
      list.lastElementChild?.append(card(neighbor, cards));
      shown += 1;
    }
  };

  /** Without results there is nothing to group or sort. @param {boolean} hidden */
  const setHidden = (hidden) => {
    element.hidden = hidden;
    element.parentElement?.toggleAttribute("data-empty", hidden);
  };

  const clear = () => {
    list.replaceChildren();
    shown = 0;
  };

  const settle = (hasMore) => {
    skeletons.hidden = true;
    list.removeAttribute("aria-busy");
    moreButton.hidden = !hasMore;
    live.textContent = hasMore ? t("search.closest", { number: shown }) : count(shown, "result");
  };

  return {
    element,
    /** @param {string} text */
    set title(text) {
      title.textContent = text;
    },
    /** Keyboard and screen reader go on from here after a new search. */
    focusTitle: () => title.focus({ preventScroll: true }),
    hide() {
      setHidden(true);
      clear();
      live.textContent = "";
    },
    /**
     * Wait: dim the cards of a query that only narrows, or show empty frames for a new one.
     * @param {boolean} narrowing
     */
    showLoading(narrowing) {
      const dim = narrowing && shown > 0;
      setHidden(false);
      element.removeAttribute("data-none");
      live.textContent = t("search.searching");
      list.hidden = !dim;
      list.setAttribute("aria-busy", "true");
      skeletons.hidden = dim;
      moreButton.hidden = true;
    },
    /** No answer came. @param {boolean} stays Whether what was shown stays, until one comes. */
    stay(stays) {
      skeletons.hidden = true;
      live.textContent = "";
      setHidden(!stays || shown === 0);
    },
    /** @param {Neighbor[]} neighbors @param {boolean} hasMore */
    show(neighbors, hasMore) {
      setHidden(false);
      list.hidden = neighbors.length === 0;
      element.toggleAttribute("data-none", list.hidden);
      clear();
      add(neighbors);
      settle(hasMore);
    },
    /** Ask for more once again where the end of the results is still in view. */
    watchEnd() {
      end.disconnect();
      end.observe(moreButton);
    },
    /** @param {Neighbor[]} neighbors @param {boolean} hasMore */
    append(neighbors, hasMore) {
      add(neighbors);
      settle(hasMore);
    },
  };
}

/** @param {Neighbor} neighbor @param {Cards} cards */
function card(neighbor, { hrefOf, similarTo, tray }) {
  const name = itemName(neighbor);
  const price = itemPrice(neighbor);
  const others = (neighbor.views?.count ?? 1) - 1;
  const element = el(
    "li",
    { class: "card", role: "listitem" },
    el(
      "a",
      { class: "card-link", href: () => hrefOf(neighbor.item_id) },
      picture(neighbor.image_url ?? "", "", name),
      el("h3", { class: "card-name" }, name),
      price && el("p", { class: "card-price" }, price),
      neighbor.label &&
        neighbor.label !== name &&
        el("p", { class: "card-label" }, labelText(neighbor.label)),
      el(
        "p",
        { class: "card-closeness" },
        closeness(neighbor),
        others > 0 && el("span", { class: "card-views" }, t("search.other_views", { count: others })),
      ),
    ),
    el(
      "div",
      { class: "card-actions" },
      ...tray.toggles(neighbor),
      el(
        "a",
        { class: "icon-button", href: () => similarTo(neighbor.item_id), title: t("search.more_like") },
        iconButton("similar", "", {}).firstElementChild,
        unseen(t("search.more_like_item", { name })),
      ),
    ),
  );
  onLongPress(element, () => element.toggleAttribute("data-actions"));
  return element;
}

/**
 * A finger that rests on a card asks for its actions; the browser's menu of links would cover them.
 * @param {HTMLElement} element
 * @param {() => void} act
 */
function onLongPress(element, act) {
  let timer = 0;
  let acted = false;
  const stop = () => clearTimeout(timer);
  element.addEventListener("pointerdown", ({ pointerType }) => {
    stop();
    acted = false;
    if (pointerType === "touch")
      timer = setTimeout(() => {
        acted = true;
        act();
      }, LONG_PRESS_MS);
  });
  element.addEventListener("click", (event) => acted && event.preventDefault(), { capture: true });
  for (const end of ["pointerup", "pointermove", "pointercancel"]) element.addEventListener(end, stop);
  element.addEventListener("contextmenu", (event) => {
    if (/** @type {PointerEvent} */ (event).pointerType === "touch") event.preventDefault();
  });
}

/** Arrows go from card to card; Tab goes through the actions of each. @param {KeyboardEvent} event */
function moveByArrows(event) {
  const list = /** @type {HTMLElement} */ (event.currentTarget);
  const here = /** @type {HTMLElement} */ (event.target).closest(".card");
  if (!here || !event.key.startsWith("Arrow") || isModified(event)) return;
  const all = [...list.querySelectorAll(".card")];
  const top = (element) => element.getBoundingClientRect().top;
  const columns = Math.max(
    1,
    all.findIndex((each) => top(each) > top(all[0])),
  );
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const next = all[all.indexOf(here) + steps[event.key]];
  if (!next) return;
  event.preventDefault();
  next.querySelector("a")?.focus();
}

function skeleton() {
  return el(
    "div",
    {},
    el("div", { class: "skeleton skeleton-picture" }),
    el("div", { class: "skeleton skeleton-line" }),
    el("div", { class: "skeleton skeleton-line" }),
  );
}
