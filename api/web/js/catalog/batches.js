/* Many operations on items, as many at once as the API takes. */

import { Problem } from "../client.js";

export const LARGEST = 100;

/**
 * @param {object[]} operations
 * @param {(operations: object[]) => Promise<{results: import("../client.js").ItemChange[]}>} send
 * @param {(done: number) => void} [tell] Told after each batch how many are done.
 * @returns {Promise<import("../client.js").Item[]>} The items as they are now, of those operations that have one.
 * @throws {Problem} The first that something else than an item already gone stands against; what went well stays.
 */
export async function inBatches(operations, send, tell = () => {}) {
  const items = [];
  for (let start = 0; start < operations.length; start += LARGEST) {
    const { results } = await send(operations.slice(start, start + LARGEST));
    const failed = results.find(({ problem, status }) => problem && status !== 404);
    if (failed) throw new Problem({ ...failed.problem, status: failed.status });
    items.push(...results.flatMap(({ item }) => item ?? []));
    tell(start + results.length);
  }
  return items;
}
