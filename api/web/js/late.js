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

/**
 * The parts of a view, each loaded when it is first shown: one for each collection, so that what is begun in one
 * never meets another.
 * @template Part @param {Record<string, () => Promise<{open: (around: any) => Part|Promise<Part>}>>} modules
 * @param {*} around What the parts need of the view.
 * @returns {(name: string, collection: ?string) => Promise<Part>}
 */
export function lateParts(modules, around) {
  /** @type {Map<string, () => Promise<Part>>} */
  const parts = new Map();
  return (name, collection) => {
    const key = `${name} ${collection}`;
    const part = parts.get(key) ?? late(async () => (await modules[name]()).open(around));
    parts.set(key, part);
    return part();
  };
}
