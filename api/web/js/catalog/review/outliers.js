/* Items that are unlike all others: each is kept, edited or deleted. */

import { el, labelText, picture } from "../../dom.js";
import { itemName } from "../../format.js";
import { t } from "../../language.js";
import { server } from "../../owner_server.js";
import { thumb } from "../thumb.js";
import { suspectReview } from "./suspect_review.js";
import { keyButton } from "./suspects.js";

/** @typedef {import("../../client.js").Item & {neighbors: import("../../client.js").Neighbor[]}} Outlier */

/** @param {import("../view.js").Around} around @returns {import("../view.js").PartView} */
export const open = (around) =>
  suspectReview(around, {
    kind: "outliers",
    stored: "outliers",
    text: {
      title: t("outliers.title"),
      about: t("outliers.about"),
      start: t("jobs.kind.outliers"),
      name: t("review.name.outliers"),
      keys: t("outliers.keys"),
      nothing: [t("outliers.nothing.title"), t("outliers.nothing.text")],
    },
    ask: (query) => server.listOutliers(query),
    draw,
    keyOf: ({ item_id: id }) => id,
    keptText: (item) => t("outliers.kept", { name: itemName(item) }),
  });

/** @param {Outlier} item */
const draw = (item) => [
  el("div", { class: "suspect-picture" }, thumb(item)),
  el(
    "div",
    { class: "suspect-own" },
    el("p", { class: "eyebrow" }, t("review.labelled")),
    el("p", { class: "suspect-label" }, item.label === null ? t("items.no_label") : labelText(item.label)),
    el("p", { class: "muted note" }, item.item_id),
    el(
      "div",
      { class: "row" },
      keyButton("k", t("outliers.keep")),
      keyButton("e", t("items.edit")),
      keyButton("d", t("catalog.delete"), "button-primary"),
    ),
  ),
  el(
    "div",
    { class: "suspect-other" },
    el("p", { class: "eyebrow" }, t("outliers.nearest")),
    el(
      "div",
      { class: "suspect-near" },
      ...item.neighbors.map((each) => picture(each.image_url ?? "", itemName(each), itemName(each))),
    ),
  ),
];
