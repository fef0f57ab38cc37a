/* What a job found to be odd, decided on item by item: kept, edited, deleted, or what a list adds to that. */

import { el } from "../../dom.js";
import { itemName } from "../../format.js";
import { t } from "../../language.js";
import { editDialog } from "../edit.js";
import { making } from "./making.js";
import { Kept, suspectList } from "./suspects.js";

const PAGE = 20;

/** @typedef {import("./suspects.js").Step} Step */
/**
 * @typedef {object} Here Where a decision is made.
 * @property {string} collection
 * @property {string[]} fields
 */
/**
 * @typedef {object} Review
 * @property {string} kind   Of the job.
 * @property {string} stored Where what was kept is remembered, by the collection.
 * @property {{title: string, about: string, start: string, name: string, keys: string, nothing: [string, string]}} text
 * @property {(query: {collection: string, limit: number, cursor?: string, signal: AbortSignal}) => Promise<*>} ask A page.
 * @property {(item: *) => Node[]} draw
 * @property {(page: *) => string} [found] What is said of all of them.
 * @property {(item: *) => string} keyOf   What is remembered of one that is kept.
 * @property {(item: *) => string} keptText
 * @property {(item: *, changed: *, here: Here) => ?Step} [edited] Null where the item stays.
 * @property {Record<string, (item: *, here: Here) => Promise<?Step>>} [actions] By key.
 */

/** @param {import("../view.js").Around} around @param {Review} review @returns {import("../view.js").PartView} */
export function suspectReview(around, { kind, stored, text, ask, draw, found, keyOf, keptText, edited, actions = {} }) {
  /** @type {Here} */
  const here = { collection: "", fields: [] };
  let made = "";
  /** @type {?string} Empty after the last page. */
  let cursor = null;
  /** @type {AbortSignal} */
  let alive = AbortSignal.abort();
  let kept = new Kept("");
  const job = making(around, kind, { ...text, again: t("review.again") });
  const own = Object.entries(actions).map(([key, act]) => [key, (item) => act(item, { ...here })]);
  const list = suspectList({
    ...text,
    draw,
    next,
    act: around.act,
    actions: { ...Object.fromEntries(own), k: keep, e: edit, d: remove },
  });
  const element = el("section", { class: "stack", "aria-labelledby": `review-${kind}` }, job.element, list.element);

  async function next() {
    let items = [];
    while (!items.length && cursor !== "") {
      const { collection } = here;
      const page = await ask({ collection, limit: PAGE, cursor: cursor ?? undefined, signal: alive });
      cursor = page.next_cursor ?? "";
      items = page.suspects.filter(
        (each) => !kept.has(keyOf(each)) && !around.deletions.has(collection, each.item_id),
      );
    }
    return items;
  }

  async function keep(item) {
    kept.add(keyOf(item));
    return { text: keptText(item), undo: async () => kept.delete(keyOf(item)) ?? true };
  }

  async function edit(item) {
    const changed = await editDialog(here.collection, [item], here.fields);
    return (changed && edited?.(item, changed[0], { ...here })) ?? null;
  }

  async function remove(item, restore) {
    const takeBack = around.deletions.add(here.collection, [item.item_id], restore);
    return { text: t("review.removed", { name: itemName(item) }), undo: async () => takeBack() };
  }

  return {
    element,
    async show(state, signal, described) {
      alive = signal;
      const collection = (here.collection = /** @type {string} */ (state.collection));
      kept = new Kept(`${stored}-${collection}`);
      here.fields = (await described)?.fields ?? [];
      await job.show(collection, signal, async (isMade) => {
        if (!isMade) return list.clear();
        const page = await ask({ collection, limit: 1, signal });
        job.tell(page, found?.(page));
        const now = `${collection} ${page.made_at}`;
        if (made === now) return undefined;
        made = now;
        cursor = null;
        return list.start();
      });
    },
  };
}
