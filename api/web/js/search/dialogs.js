/* The dialogs over the results, each loaded when it is first opened. */

import { styles } from "../dom.js";
import { late } from "../late.js";

/** @typedef {import("./address.js").State} State */

const styled = async (module) => (await Promise.all([module, styles("item")]))[0];

/** @param {*} around What the dialogs need of the page behind them. */
export function dialogs(around) {
  const load = {
    item: late(async () => (await styled(import("../item/dialog.js"))).itemDialog(around)),
    compare: late(async () => (await styled(import("../item/compare.js"))).compareDialog(around)),
  };
  const made = new Map();
  let wanted = "";

  return {
    /**
     * @param {State} state
     * @param {string} collection
     * @param {import("../search_client.js").Neighbor[]} neighbors
     * @param {*} explain
     */
    async show(state, collection, neighbors, explain) {
      const name = state.open ? "item" : state.compare.length ? "compare" : "";
      wanted = name;
      for (const [other, dialog] of made) if (other !== name) dialog.hide();
      if (!name) return;
      if (!made.has(name)) made.set(name, await load[name]());
      if (wanted !== name) return;
      const why = explain && ((id, signal) => explain([id], signal).then((found) => found.get(id)));
      if (name === "item") await made.get(name).show(collection, state.open, neighbors, why);
      else await made.get(name).show(collection, state.compare, neighbors, explain);
    },
  };
}
