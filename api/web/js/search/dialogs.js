/* The dialogs over the results, each loaded when it is first opened. */

/** @typedef {import("./address.js").State} State */

/** @param {*} around What the dialogs need of the page behind them. */
export function dialogs(around) {
  const opened = new Map();
  const get = (name, make) => opened.get(name) ?? opened.set(name, make()).get(name);
  const item = () => get("item", async () => (await import("../item/dialog.js")).itemDialog(around));
  const compare = () =>
    get("compare", async () => (await import("../item/compare.js")).compareDialog(around));
  let wanted = "";

  return {
    /**
     * @param {State} state
     * @param {string} collection
     * @param {import("../search_client.js").Neighbor[]} neighbors
     * @param {*} explain
     */
    async show(state, collection, neighbors, explain) {
      wanted = state.open ? "item" : state.compare.length ? "compare" : "";
      for (const [name, each] of opened)
        if (name !== wanted) each.then((one) => name !== wanted && one.hide());
      if (wanted === "item") {
        const why = explain && ((id, signal) => explain([id], signal).then((found) => found.get(id)));
        const one = await item();
        if (wanted === "item") await one.show(collection, state.open, neighbors, why);
      } else if (wanted === "compare") {
        const one = await compare();
        if (wanted === "compare") await one.show(collection, state.compare, neighbors, explain);
      }
    },
  };
}
