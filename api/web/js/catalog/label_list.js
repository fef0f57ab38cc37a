/* Labels that a field proposes while something is typed. */

import { sleep } from "../client.js";
import { el } from "../dom.js";
import { server } from "../owner_server.js";

const SHOWN = 50;
const TYPING_MS = 200;

/** @param {string} id Of the list, which each field names. @param {...HTMLInputElement} fields */
export function labelList(id, ...fields) {
  const element = el("datalist", { id });
  let running = new AbortController();
  const list = {
    element,
    collection: "default",
    /** @param {HTMLInputElement} field */
    serve(field) {
      field.addEventListener("focus", () => propose(field));
      field.addEventListener("input", () => propose(field));
    },
  };
  /** @param {HTMLInputElement} field */
  const propose = async (field) => {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    try {
      await sleep(TYPING_MS, signal);
      const { labels } = await server.listLabels({
        collection: list.collection,
        q: field.value.trim() || undefined,
        limit: SHOWN,
        signal,
      });
      if (!signal.aborted)
        element.replaceChildren(
          .../** @type {{label: string}[]} */ (labels).map(({ label }) => el("option", { value: label })),
        );
    } catch {
      /* a help in typing only */
    }
  };
  fields.forEach(list.serve);
  return list;
}
