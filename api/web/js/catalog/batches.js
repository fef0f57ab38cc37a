/* Many operations on items, as many at once as the API takes. */

import { Problem } from "../client.js";

export const LARGEST = 100;

/**
 * @param {{op: string}[]} operations
 * @param {(operations: {op: string}[]) => Promise<{results: import("../client.js").ItemChange[]}>} send
 * @param {(done: number) => void} [tell] Told after each batch how many are done.
 * @returns {Promise<import("../client.js").Item[]>} The items as they are now, of those operations that have one.
 * @throws {Problem} The first, after all were tried; what went well stays. To delete what is gone already is none.
 *   `left` are the operations that are not done, as far as is known.
 */
export async function inBatches(operations, send, tell = () => {}) {
  const items = [];
  /** @type {typeof operations} */
  const left = [];
  let failed;
  for (let start = 0; start < operations.length; start += LARGEST) {
    const some = operations.slice(start, start + LARGEST);
    const { results } = await send(some).catch((error) => {
      throw Object.assign(error, { left: left.concat(operations.slice(start)) });
    });
    results.forEach(({ problem, status, item }, n) => {
      if (item) items.push(item);
      if (!problem || (status === 404 && some[n].op === "delete")) return;
      left.push(some[n]);
      failed ??= new Problem({ ...problem, status });
    });
    tell(start + results.length);
  }
  if (failed) throw Object.assign(failed, { left });
  return items;
}
