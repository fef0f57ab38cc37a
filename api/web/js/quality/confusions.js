/* What is taken for what, the most frequent first, with pictures. */

import { el, labelText, picture } from "../dom.js";
import { lastPart, percent, shortLabels } from "../format.js";
import { t } from "../language.js";

/** @typedef {{query: string, confidence: number, item: ?string}} Example */
/** @typedef {{truth: string, predicted: string, count: number, share: number, examples: Example[]}} Confusion */

/** @param {string} collection @param {Record<string, *>} found */
export function confusionList(collection, found) {
  const { worst_confusions: confusions = [], asked, target } = found;
  const isOfItems = asked === "the catalog itself";
  return el(
    "section",
    { class: "stack-tight", "aria-labelledby": "quality-confusions" },
    el("h3", { id: "quality-confusions" }, t("results.confusions")),
    confusions.length
      ? el(
          "ul",
          { class: "confusions", role: "list", "aria-label": t("results.confusions") },
          ...confusions.map((each) => confusionRow(collection, each, isOfItems, target === "label")),
        )
      : el("p", { class: "muted" }, t("results.no_confusions")),
  );
}

/** @param {string} collection @param {Confusion} confusion @param {boolean} isOfItems Whether items of the catalog were asked for. @param {boolean} isOfLabels */
function confusionRow(collection, { truth, predicted, count: many, share, examples }, isOfItems, isOfLabels) {
  const [name, other] = shortLabels([truth, predicted]);
  const items = `/catalog?${new URLSearchParams({ collection, label: truth, as: "grid" })}`;
  return el(
    "li",
    { class: "panel confusion" },
    el(
      "div",
      {},
      el("h4", {}, labelText(t("results.taken_for", { truth: name, predicted: other }))),
      el("p", { class: "note" }, t("results.times", { count: many, share: percent(share) })),
      isOfLabels &&
        el(
          "a",
          { class: "note", href: items, "aria-label": t("results.show_items", { label: truth }) },
          t("results.show_items", { label: name }),
        ),
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
        item !== null &&
          el("figcaption", { class: "visually-hidden" }, t("results.looks_like", { photo: query, item })),
      ),
    ),
  );
}

/** @param {string} collection @param {string} id */
const shown = (collection, id) =>
  picture(`/v1/collections/${collection}/images/${encodeURIComponent(id)}`, t("results.photo", { name: id }), lastPart(id));
