/* Items that are deleted in a moment, unless the reader thinks better of it: what was deleted cannot be
   put back as it was, so nothing is sent before. */

import { button, el } from "../dom.js";
import { t } from "../language.js";
import { problemNotice } from "../notices.js";
import { server } from "../owner_server.js";
import { LARGEST, inBatches } from "./batches.js";

const HELD_MS = 8000;

/** @typedef {{collection: string, ids: string[], timer: number, tookBack: () => void}} Held */

export class Deletions {
  /** @type {Set<Held>} */
  #held = new Set();
  /** @type {Set<string>} Those on their way, by collection and id. */
  #sent = new Set();
  #changed;
  element = el("div", { class: "toasts", role: "status", "aria-label": t("items.deleted_list") });

  /** @param {() => void} changed Called when other items are to be shown. */
  constructor(changed) {
    this.#changed = changed;
    addEventListener("pagehide", () => this.#held.forEach((each) => this.#send(each)));
    addEventListener("beforeunload", (event) => {
      const tooMany = [...this.#held].some(({ ids }) => ids.length > LARGEST); // to send on leaving
      if (tooMany || this.#sent.size > LARGEST) event.preventDefault();
    });
  }

  /** Whether an item is as good as gone. @param {string} collection @param {string} id */
  has(collection, id) {
    return (
      this.#sent.has(keyOf(collection, id)) ||
      [...this.#held].some((each) => each.collection === collection && each.ids.includes(id))
    );
  }

  /**
   * @param {string} collection @param {string[]} all Those that go already are left out.
   * @param {() => void} [tookBack] Called when they stay after all.
   * @returns {() => void} What takes it back, as the button does.
   */
  add(collection, all, tookBack = () => {}) {
    const ids = all.filter((id) => !this.has(collection, id));
    if (!ids.length) return () => {};
    /** @type {Held} */
    const held = { collection, ids, timer: 0, tookBack };
    const takeBack = () => this.#takeBack(held, toast);
    const undo = button({ class: "button button-small", click: takeBack }, t("items.undo"));
    const toast = el("div", { class: "toast" }, t("items.deleted", { count: ids.length }), undo);
    held.timer = window.setTimeout(
      () =>
        this.#send(held).then(
          () => toast.remove(),
          (error) =>
            toast.replaceChildren(
              t("items.left", { count: error.left.length, names: error.left.slice(0, 5).map((each) => each.item_id).join(", ") }),
              problemNotice(error, { label: t("shell.close"), act: () => toast.remove() }),
            ),
        ),
      HELD_MS,
    );
    this.#held.add(held);
    this.element.append(toast);
    this.#changed();
    undo.focus();
    return takeBack;
  }

  /** @param {Held} held @param {HTMLElement} toast */
  #takeBack(held, toast) {
    if (!this.#held.delete(held)) return; // on its way already
    clearTimeout(held.timer);
    toast.remove();
    held.tookBack();
    this.#changed();
  }

  /** @param {Held} held */
  async #send(held) {
    const { collection, ids, timer } = held;
    clearTimeout(timer);
    this.#held.delete(held);
    const keys = ids.map((id) => keyOf(collection, id));
    keys.forEach((key) => this.#sent.add(key));
    try {
      await inBatches(
        ids.map((id) => ({ op: "delete", item_id: id })),
        (operations) => server.batchItems(operations, { collection }),
      );
    } finally {
      keys.forEach((key) => this.#sent.delete(key));
      this.#changed();
    }
  }
}

const keyOf = (collection, id) => `${collection}/${id}`;
