/* The filters, which nobody waits for: their modules come after the first results. */

import { el } from "../dom.js";
import { late } from "../late.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {{collection: import("./catalog.js").Collection, labels: import("./label_tree.js").LabelPage}} Described */

/** @param {import("./address.js").Go} go */
export function lateFilters(go) {
  const element = el("div", { hidden: true });
  /** @type {?ReturnType<typeof import("./filters.js").filterPanel>} */
  let panel = null;
  /** @type {?Described["labels"]} */
  let shownFor = null;
  let isThere = false;
  let isAwaited = false;
  const load = late(() => import("./filters.js"));

  return {
    element,
    /** Whether they came once. */
    get isThere() {
      return isThere;
    },
    /** Now, or as soon as they are there. */
    focus() {
      isAwaited = !isThere;
      if (isThere) panel?.focus();
    },
    hide: () => (element.hidden = true),
    /**
     * As of `filterPanel`; another collection begins anew, and so do labels that were asked for again.
     * @param {Described} described @param {State} state @param {AbortSignal} signal
     * @param {(left: string) => void} tell Told what a button says that leads to what the filters leave.
     */
    async show({ collection, labels }, state, signal, tell) {
      const { filterPanel } = await load();
      if (!panel) element.append((panel = filterPanel(go)).element);
      if (shownFor !== labels) panel.setCollection(collection.name, labels);
      shownFor = labels;
      panel.countLeft(collection.name, state, signal).then(tell);
      const numbers = await panel.show(collection, state, signal);
      element.hidden = panel.element.hidden;
      isThere = true;
      if (isAwaited) this.focus();
      return numbers;
    },
  };
}
