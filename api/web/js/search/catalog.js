/* The collections of the server: which one is searched, and its first labels. */

import { el } from "../dom.js";
import { t } from "../language.js";
import { server } from "../server.js";

export const LONGEST_LIST = 300; // of labels that are asked for at a time

/**
 * @typedef {{name: string, items: number, fields?: string[], encoder?: ?{name: string, reads_texts: boolean}, generation?:
 *   ?string}} Collection
 */

/* Encoders that are networks; the hand-made ones do not tell what they see where in a picture, and
   refuse to be asked. */
const NETWORKS = /^(efficientnet|torchvision:|timm:)/;

/** Whether objects and explanations may be asked for. @param {?Collection} collection */
export const seesPlaces = (collection) => NETWORKS.test(collection?.encoder?.name ?? "");

/** @param {(name: ?string) => void} choose Called with null for the first one. */
export function catalog(choose) {
  /** @type {Collection[]} */
  let collections = [];
  /** @type {Map<string, import("./label_tree.js").LabelPage & {labels: any[]}>} */
  const labels = new Map();
  const select = el("select", {
    class: "select",
    id: "collection",
    change: () => choose(select.selectedIndex ? select.value : null),
  });
  const element = el(
    "div",
    { class: "collection", hidden: true },
    el("label", { class: "collection-caption", for: "collection" }, t("search.collection")),
    select,
  );

  return {
    element,
    /** The name of a state's collection, as far as it is known. @param {?string} name */
    nameOf: (name) => name ?? collections[0]?.name ?? "default",
    /** A collection as a state has it: null for the first. @param {?string} name */
    chosen: (name) => (name === collections[0]?.name ? null : name),
    /** What is known of it. @param {string} name @returns {?Collection} */
    known: (name) => collections.find((each) => each.name === name) ?? null,
    /** Another view was shown meanwhile, where something may have been changed. */
    outdate: () => labels.clear(),
    /**
     * The collection of this name, with its first labels; asked for until there is something in it.
     * @param {?string} wanted @param {AbortSignal} signal
     */
    async describe(wanted, signal) {
      if (!labels.has(this.nameOf(wanted))) {
        await server.readyz({ signal });
        ({ collections } = await server.listCollections({ signal }));
        select.replaceChildren(...collections.map(({ name }) => el("option", { value: name }, name)));
        element.hidden = collections.length < 2;
      }
      const name = this.nameOf(wanted);
      const collection = collections.find((each) => each.name === name) ?? { name, items: 0 };
      if (collections.length) select.value = name;
      let page = labels.get(name);
      if (!page && collections.length) {
        page = await server.listLabels({ collection: name, limit: LONGEST_LIST, signal });
        if (collection.items) labels.set(name, page);
      }
      return { collection, labels: page ?? { labels: [], next_cursor: null } };
    },
  };
}
