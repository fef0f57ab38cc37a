/* "Try one of these": a few items of the catalog, as different as possible. */

import { byId, el, picture } from "./dom.js";
import { itemName, lastPart } from "./format.js";
import { server } from "./server.js";

const SHOWN = 12;

const section = byId("samples");
const list = byId("samples-list");

/**
 * One item for each of some labels; the first items where there are no labels.
 * @param {(itemId: string) => string} hrefOf
 */
export async function show(collection, labels, hrefOf, signal) {
  const items = labels.length
    ? spread(labels, SHOWN).map(({ label, example }) => ({ ...example, name: lastPart(label) }))
    : (await firstItems(collection, signal)).map((item) => ({ ...item, name: itemName(item) }));
  section.hidden = items.length === 0;
  list.replaceChildren(...items.map((item) => el("li", {}, link(item, hrefOf))));
}

const firstItems = async (collection, signal) =>
  (await server.listItems({ collection, limit: SHOWN, signal })).items;

/** As many as wanted, evenly over the whole list. */
export function spread(all, wanted) {
  const count = Math.min(wanted, all.length);
  return Array.from({ length: count }, (_, n) => all[Math.floor((n * all.length) / count)]);
}

function link(item, hrefOf) {
  const attributes = { class: "sample", href: hrefOf(item.item_id) };
  return el("a", attributes, picture(item.image_url, item.name));
}
