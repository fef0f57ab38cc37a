/* Modules that are loaded when they are first needed. */

import { Problem } from "./search_client.js";

/**
 * What a module gives, made once. Where it cannot be loaded that is a problem of the connection, and the
 * next call tries again.
 * @template T @param {() => Promise<T>} load @returns {() => Promise<T>}
 */
export function late(load) {
  /** @type {?Promise<T>} */
  let loading = null;
  return () =>
    (loading ??= load().catch((error) => {
      loading = null;
      throw new Problem({ title: "", detail: error.message, code: "network" });
    }));
}
