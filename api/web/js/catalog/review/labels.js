/* Labels that look wrong: each is kept, changed to the one that is suggested, or edited. */

import { el, labelText, picture } from "../../dom.js";
import { itemName, lastPart, percent } from "../../format.js";
import { t } from "../../language.js";
import { server } from "../../owner_server.js";
import { editDialog } from "../edit.js";
import { thumb } from "../thumb.js";
import { making } from "./making.js";
import { Kept, keyButton, suspectList } from "./suspects.js";

const PAGE = 20;

/** @typedef {import("../../client.js").Item & {suggested: ?string, support: number, probable_error: boolean, neighbors: import("../../client.js").Neighbor[]}} Suspect */

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
  const job = making(around, "mislabelled", {
    title: t("suspects.title"),
    about: t("suspects.about"),
    start: t("jobs.kind.mislabelled"),
    again: t("review.again"),
  });
  const list = suspectList({
    name: t("suspects.list"),
    keys: t("suspects.keys"),
    draw,
    nothing: [t("suspects.nothing.title"), t("suspects.nothing.text")],
    next,
    actions: { enter: take, k: keep, e: edit, d: remove },
  });
  const element = el("section", { class: "stack", "aria-labelledby": "review-mislabelled" }, job.element, list.element);

  /** @param {AbortSignal} signal */
  const ask = (signal) => server.listMislabelled({ collection, limit: PAGE, cursor: cursor ?? undefined, signal });

  async function next() {
    /** @type {Suspect[]} */
    let found = [];
    while (!found.length && cursor !== "") {
      const page = await ask(alive);
      cursor = page.next_cursor ?? "";
      found = /** @type {Suspect[]} */ (page.suspects).filter(
        (each) => !kept.has(keyOf(each)) && !around.deletions.has(collection, each.item_id),
      );
    }
    return found;
  }

  /** @param {Suspect} item @param {?string} label */
  const relabel = (item, label) =>
    around.act(() => server.patchItem(item.item_id, { label }, { collection }));

  /** @param {Suspect} item */
  async function take(item) {
    const { suggested, label } = item;
    if (suggested === null || !(await relabel(item, suggested))) return null;
    return { text: t("suspects.changed", { name: itemName(item), label: lastPart(suggested) }), undo: () => relabel(item, label) };
  }

  /** @param {Suspect} item */
  async function keep(item) {
    kept.add(keyOf(item));
    return {
      text: t("suspects.kept", { name: itemName(item), label: lastPart(item.label ?? t("items.no_label")) }),
      undo: async () => kept.delete(keyOf(item)) ?? true,
    };
  }

  /** @param {Suspect} item */
  async function edit(item) {
    const changed = await editDialog(collection, [item], fields);
    if (!changed) return null;
    const label = changed[0]?.label ?? t("items.no_label");
    return { text: t("suspects.changed", { name: itemName(item), label: lastPart(label) }), undo: () => relabel(item, item.label) };
  }

  /** @param {Suspect} item @param {() => void} restore */
  async function remove(item, restore) {
    const takeBack = around.deletions.add(collection, [item.item_id], restore);
    return { text: t("review.removed", { name: itemName(item) }), undo: async () => takeBack() };
  }

  return {
    element,
    async show(state, signal, described) {
      alive = signal;
      collection = /** @type {string} */ (state.collection);
      kept = new Kept(`labels-${collection}`);
      fields = (await described)?.fields ?? [];
      await job.show(collection, signal, async (isMade) => {
        if (!isMade) return list.clear();
        const page = await server.listMislabelled({ collection, limit: 1, signal });
        job.tell(page, probableText(page.probable_errors));
        const now = `${collection} ${page.made_at}`;
        if (made === now) return undefined;
        made = now;
        cursor = null;
        return list.start();
      });
    },
  };
}

/** @param {number} count */
const probableText = (count) => (count ? t("suspects.found", { count }) : t("suspects.none_found"));

/** @param {Suspect} item */
const keyOf = ({ item_id: id, label }) => `${id}\n${label}`;

/** @param {Suspect} item */
function draw(item) {
  const { label, suggested, support, probable_error: isProbable, neighbors } = item;
  const own = lastPart(label ?? t("items.no_label"));
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
        el("div", { class: "row" }, keyButton("enter", t("suspects.take", { label: lastPart(suggested) }), "button-primary")),
    ),
  ];
}
