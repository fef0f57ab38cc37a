/* A change of an item that is bound to what its reader saw: what somebody else changed meanwhile is told. */

import { Problem } from "../client.js";
import { server } from "../owner_server.js";

/** @typedef {import("../client.js").Item} Item */

/** What can be changed of an item. @param {Item} item */
const changeable = ({ label, product_id: product, attributes }) =>
  JSON.stringify([label, product, Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1))]);

/**
 * @param {Item} seen The item as it was when the reader decided. @param {Record<string, *>} changes
 * @param {{collection: string, signal?: AbortSignal}} options
 * @returns {Promise<Item>} The item as it is now.
 * @throws {Problem} `item_changed`, with the item as it is by now as `now`: nothing was changed.
 */
export async function changeItem(seen, changes, options) {
  for (;;) {
    const { item, tag } = await server.getTaggedItem(seen.item_id, options);
    if (changeable(item) !== changeable(seen)) throw changed(item);
    try {
      return await server.patchItem(item.item_id, changes, { ...options, ifMatch: tag });
    } catch (error) {
      if (/** @type {Problem} */ (error).code !== "item_changed") throw error;
    }
  }
}

/** @param {Item} now */
const changed = (now) => Object.assign(new Problem({ title: "", code: "item_changed", status: 412 }), { now });
