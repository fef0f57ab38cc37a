/* The grid of neighbours: cards, skeletons while waiting, and the spoken count. */

import { bar, byId, el, labelText, picture } from "./dom.js";
import { count, itemName, itemPrice, score } from "./format.js";

const section = byId("browse");
const title = byId("browse-title");
const list = byId("results");
const skeletons = byId("skeletons");
const live = byId("count");

export function hide() {
  section.hidden = true;
  list.replaceChildren();
  live.textContent = "";
}

export function setTitle(text) {
  title.textContent = text;
}

/** Keyboard and screen reader go on from here after a new search. */
export function focusTitle() {
  title.focus({ preventScroll: true });
}

/** Wait: dim the cards of a query that only narrows, or show empty frames for a new one. */
export function showLoading(k, { narrowing }) {
  const dim = narrowing && list.childElementCount > 0;
  section.hidden = false;
  live.textContent = "Searching…";
  list.hidden = !dim;
  list.setAttribute("aria-busy", "true");
  skeletons.hidden = dim;
  if (!dim) skeletons.replaceChildren(...Array.from({ length: k }, skeleton));
}

/** @param {(itemId: string) => string} hrefOf Where the page shows what is like this item. */
export function show(neighbors, hrefOf) {
  section.hidden = false;
  skeletons.hidden = true;
  skeletons.replaceChildren();
  list.hidden = neighbors.length === 0;
  list.removeAttribute("aria-busy");
  list.replaceChildren(...neighbors.map((neighbor) => card(neighbor, hrefOf)));
  live.textContent = count(neighbors.length, "result");
}

function card(neighbor, hrefOf) {
  const name = itemName(neighbor);
  const price = itemPrice(neighbor);
  return el(
    "li",
    { class: "card" },
    picture(neighbor.image_url, name),
    el(
      "div",
      { class: "card-head" },
      el("h3", { class: "card-name" }, name),
      price && el("p", { class: "card-price" }, price),
    ),
    neighbor.label && el("p", { class: "card-label" }, labelText(neighbor.label)),
    neighbor.same_picture && el("p", { class: "card-label" }, "The same picture"),
    el(
      "p",
      { class: "score", title: scoreTitle(neighbor) },
      el("span", { class: "visually-hidden" }, "Similarity "),
      bar(neighbor.score),
      el("span", { class: "score-value" }, score(neighbor.score)),
      neighbor.likeness && el("span", { class: "likeness" }, neighbor.likeness),
    ),
    el(
      "a",
      { class: "more", href: hrefOf(neighbor.item_id) },
      "More like this",
      el("span", { class: "visually-hidden" }, `: ${name}`),
    ),
  );
}

function scoreTitle({ alike }) {
  const cosine = "Cosine similarity: 1 is identical";
  return alike === undefined
    ? cosine
    : `${cosine}. People would call ${Math.round(alike * 100)} of 100 such pairs alike`;
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
