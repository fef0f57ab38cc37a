/* Items that are unlike all others: each is kept, edited or deleted. */

import { el, labelText, picture } from "../../dom.js";
import { itemName } from "../../format.js";
import { t } from "../../language.js";
import { server } from "../../owner_server.js";
import { editDialog } from "../edit.js";
import { thumb } from "../thumb.js";
import { making } from "./making.js";
import { Kept, keyButton, suspectList } from "./suspects.js";

const PAGE = 20;

/** @typedef {import("../../client.js").Item & {neighbors: import("../../client.js").Neighbor[]}} Outlier */

/** @param {import("../view.js").Around} around @returns {import("../view.js").PartView} */
export function open(around) {
  let collection = "";
  let made = "";
  let fields = /** @type {string[]} */ ([]);
  /** @type {?string} */
  let cursor = null;
  /** @type {AbortSignal} */
  let alive = AbortSignal.abort();
  let kept = new Kept("");
  const job = making(around, "outliers", {
    title: t("outliers.title"),
    about: t("outliers.about"),
    start: t("jobs.kind.outliers"),
    again: t("review.again"),
  });
  const list = suspectList({
    name: t("review.name.outliers"),
    keys: t("outliers.keys"),
    draw,
    nothing: [t("outliers.nothing.title"), t("outliers.nothing.text")],
    next,
    actions: { k: keep, e: edit, d: remove },
  });
  const element = el("section", { class: "stack", "aria-labelledby": "review-outliers" }, job.element, list.element);

  async function next() {
    /** @type {Outlier[]} */
    let found = [];
    while (!found.length && cursor !== "") {
      const page = await server.listOutliers({ collection, limit: PAGE, cursor: cursor ?? undefined, signal: alive });
      cursor = page.next_cursor ?? "";
      found = /** @type {Outlier[]} */ (page.suspects).filter(
        ({ item_id: id }) => !kept.has(id) && !around.deletions.has(collection, id),
      );
    }
    return found;
  }

  /** @param {Outlier} item */
  async function keep(item) {
    kept.add(item.item_id);
    return { text: t("outliers.kept", { name: itemName(item) }), undo: async () => kept.delete(item.item_id) ?? true };
  }

  /** @param {Outlier} item */
  async function edit(item) {
    await editDialog(collection, [item], fields);
    return null;
  }

  /** @param {Outlier} item @param {() => void} restore */
  async function remove(item, restore) {
    const takeBack = around.deletions.add(collection, [item.item_id], restore);
    return { text: t("review.removed", { name: itemName(item) }), undo: async () => takeBack() };
  }

  return {
    element,
    async show(state, signal, described) {
      alive = signal;
      collection = /** @type {string} */ (state.collection);
      kept = new Kept(`outliers-${collection}`);
      fields = (await described)?.fields ?? [];
      await job.show(collection, signal, async (isMade) => {
        if (!isMade) return list.clear();
        const page = await server.listOutliers({ collection, limit: 1, signal });
        job.tell(page);
        const now = `${collection} ${page.made_at}`;
        if (made === now) return undefined;
        made = now;
        cursor = null;
        return list.start();
      });
    },
  };
}

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
