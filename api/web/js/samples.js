/* "Try one of these": a few items of the catalog, as different as possible. */

import * as api from "./api.js";
import { byId, el, picture } from "./dom.js";
import { itemName } from "./format.js";

const SHOWN = 12;
const LOOKED_AT = 96;

const section = byId("samples");
const list = byId("samples-list");

/** @param {(itemId: string) => string} hrefOf */
export async function show(collection, hrefOf, signal) {
  const items = await api.listItems(collection, LOOKED_AT, signal);
  section.hidden = items.length === 0;
  list.replaceChildren(...varied(items, SHOWN).map((item) => el("li", {}, link(item, hrefOf))));
}

/** One item of each label in turn, until there are enough. */
export function varied(items, wanted) {
  const byLabel = Map.groupBy(items, (item) => item.label);
  const queues = [...byLabel.values()];
  const chosen = [];
  for (let turn = 0; chosen.length < Math.min(wanted, items.length); turn += 1) {
    chosen.push(...queues.map((queue) => queue[turn]).filter(Boolean));
  }
  return chosen.slice(0, wanted);
}

function link(item, hrefOf) {
  const attributes = { class: "sample", href: hrefOf(item.item_id) };
  return el("a", attributes, picture(item.image_url, itemName(item)));
}
