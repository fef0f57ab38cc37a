/* Labels that look wrong: each is kept, changed to the one that is suggested, or edited. */

import { el, labelText, picture } from "../../dom.js";
import { itemName, percent, shortLabels } from "../../format.js";
import { t } from "../../language.js";
import { server } from "../../owner_server.js";
import { changeItem } from "../change.js";
import { thumb } from "../thumb.js";
import { suspectReview } from "./suspect_review.js";
import { keyButton } from "./suspects.js";

/** @typedef {import("../../client.js").Item & {suggested: ?string, support: number, probable_error: boolean, neighbors: import("../../client.js").Neighbor[]}} Suspect */

/** What they are called beside each other. @param {...?string} labels */
const namesOf = (...labels) => shortLabels(labels.map((label) => label ?? t("items.no_label")));

/** @param {import("../view.js").Around} around @returns {import("../view.js").PartView} */
export function open(around) {
  const relabel = (item, label, { collection }) => around.act(() => changeItem(item, { label }, { collection }));
  /** @param {Suspect} item @param {?string} label @param {import("./suspect_review.js").Here} here */
  const changed = (item, label, here) => ({
    text: t("suspects.changed", { name: itemName(item), label: namesOf(label, item.label)[0] }),
    undo: () => relabel({ ...item, label }, item.label, here),
  });
  return suspectReview(around, {
    kind: "mislabelled",
    stored: "labels",
    text: {
      title: t("suspects.title"),
      about: t("suspects.about"),
      start: t("jobs.kind.mislabelled"),
      name: t("suspects.list"),
      keys: t("suspects.keys"),
      nothing: [t("suspects.nothing.title"), t("suspects.nothing.text")],
    },
    ask: (query) => server.listMislabelled(query),
    draw,
    found: ({ probable_errors: count }) => (count ? t("suspects.found", { count }) : t("suspects.none_found")),
    keyOf: ({ item_id: id, label }) => `${id}\n${label}`,
    keptText: (item) => t("suspects.kept", { name: itemName(item), label: namesOf(item.label)[0] }),
    edited: (item, now, here) => changed({ ...now, label: item.label }, now?.label, here),
    actions: {
      enter: async (/** @type {Suspect} */ item, here) => {
        const { suggested } = item;
        const done = suggested !== null && (await relabel(item, suggested, here));
        return done ? changed(item, suggested, here) : null;
      },
    },
  });
}

/** @param {Suspect} item */
function draw(item) {
  const { label, suggested, support, probable_error: isProbable, neighbors } = item;
  const [own, other] = namesOf(label, suggested);
  return [
    el("div", { class: "suspect-picture" }, thumb(item)),
    el(
      "div",
      { class: "suspect-own" },
      el("p", { class: "eyebrow" }, t("review.labelled")),
      el("p", { class: "suspect-label" }, label === null ? t("items.no_label") : labelText(label)),
      el("p", { class: "muted note" }, item.item_id),
      isProbable && el("span", { class: "badge", "data-state": "failed" }, t("suspects.probable")),
      el("div", { class: "row" }, keyButton("k", t("suspects.keep", { label: own })), keyButton("e", t("items.edit")), keyButton("d", t("catalog.delete"))),
    ),
    el(
      "div",
      { class: "suspect-other" },
      el("p", { class: "eyebrow" }, suggested === null ? t("suspects.no_other") : t("suspects.looks")),
      suggested !== null && el("p", { class: "suspect-label" }, labelText(suggested)),
      suggested !== null && el("p", { class: "muted note" }, t("suspects.support", { share: percent(support) })),
      el(
        "div",
        { class: "suspect-near" },
        ...neighbors.map((each) => picture(each.image_url ?? "", t("suspects.like", { name: itemName(each) }), itemName(each))),
      ),
      suggested !== null &&
        el("div", { class: "row" }, keyButton("enter", t("suspects.take", { label: other }), "button-primary")),
    ),
  ];
}
