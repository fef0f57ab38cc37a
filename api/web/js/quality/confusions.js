/* What is taken for what, the most frequent first, with pictures. */

import { el, labelText, picture } from "../dom.js";
import { lastPart } from "../format.js";
import { words } from "./words.js";

const text = words.results;

/** @typedef {{query: string, confidence: number, item: ?string}} Example */
/** @typedef {{truth: string, predicted: string, count: number, share: number, examples: Example[]}} Confusion */

/** @param {string} collection @param {Record<string, *>} found */
export function confusionList(collection, found) {
  const { worst_confusions: confusions = [], asked, target } = found;
  const isOfItems = asked === "the catalog itself";
  return el(
    "section",
    { class: "stack-tight", "aria-labelledby": "quality-confusions" },
    el("h3", { id: "quality-confusions" }, text.confusions),
    confusions.length
      ? el(
          "ul",
          { class: "confusions", role: "list", "aria-label": text.confusions },
          ...confusions.map((each) => confusionRow(collection, each, isOfItems, target === "label")),
        )
      : el("p", { class: "muted" }, text.noConfusions),
  );
}

/** @param {string} collection @param {Confusion} confusion @param {boolean} isOfItems Whether items of the catalog were asked for. @param {boolean} isOfLabels */
function confusionRow(collection, { truth, predicted, count: many, share, examples }, isOfItems, isOfLabels) {
  const items = `/catalog?${new URLSearchParams({ collection, label: truth, as: "grid" })}`;
  return el(
    "li",
    { class: "panel confusion" },
    el(
      "div",
      {},
      el("h4", {}, labelText(text.takenFor(lastPart(truth), lastPart(predicted)))),
      el("p", { class: "note" }, text.times(many, share)),
      isOfLabels && el("a", { class: "note", href: items, "aria-label": text.showItems(truth) }, text.showItems(lastPart(truth))),
    ),
    ...examples.map(({ query, item }) =>
      el(
        "figure",
        { class: "confused" },
        el(
          "div",
          { class: "confused-pair" },
          isOfItems ? shown(collection, query) : el("span", { class: "note" }, query),
          item !== null && shown(collection, item),
        ),
        item !== null && el("figcaption", { class: "visually-hidden" }, `${text.taken} ${query} ${text.because} ${item}`),
      ),
    ),
  );
}

/** @param {string} collection @param {string} id */
const shown = (collection, id) =>
  picture(`/v1/collections/${collection}/images/${encodeURIComponent(id)}`, text.photo(id), lastPart(id));
