/* Items by their ids, however many: a filter and an address have room for some only. */

import { server } from "../owner_server.js";

const MOST = 100; // values that a filter may have
const LONGEST = 6000; // characters of ids in an address, which may have 8,192 bytes

/**
 * Those that are there, in the order of pages.
 * @param {string} collection @param {string[]} ids @param {AbortSignal} [signal]
 * @returns {Promise<import("../client.js").Item[]>}
 */
export async function itemsNamed(collection, ids, signal) {
  const found = [];
  for (const part of parts(ids)) {
    const filter = { field: "item_id", in: part };
    for await (const item of server.items({ collection, filter, limit: MOST, signal })) found.push(item);
  }
  return found;
}

/** Lists that one request can ask for. @param {string[]} ids @returns {Generator<string[]>} */
function* parts(ids) {
  /** @type {string[]} */
  let part = [];
  let length = 0;
  for (const id of ids) {
    const own = encodeURIComponent(JSON.stringify(id)).length + 3;
    if (part.length === MOST || (part.length > 0 && length + own > LONGEST)) {
      yield part;
      [part, length] = [[], 0];
    }
    part.push(id);
    length += own;
  }
  if (part.length > 0) yield part;
}
