/* The items that are chosen, on whatever page they are. */

/** @typedef {import("../client.js").Item} Item */

export class Selection extends EventTarget {
  /** @type {Map<string, Item>} */
  #items = new Map();

  get size() {
    return this.#items.size;
  }

  get items() {
    return [...this.#items.values()];
  }

  /** @param {Item} item */
  has = (item) => this.#items.has(item.item_id);

  /** @param {Item[]} items */
  add(items) {
    for (const item of items) this.#items.set(item.item_id, item);
    this.#tell();
  }

  /** @param {Item[]} items */
  remove(items) {
    for (const item of items) this.#items.delete(item.item_id);
    this.#tell();
  }

  /** Take what is known now of chosen items. @param {Item[]} items */
  update(items) {
    for (const item of items) if (this.has(item)) this.#items.set(item.item_id, item);
  }

  clear() {
    this.#items.clear();
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
