/* What was liked, disliked and put aside to compare: a tray at the bottom, and the toggles on cards. */

import { button, el, icon, iconButton, sized } from "../dom.js";
import { fill } from "../redraw.js";
import { itemName } from "../format.js";
import { t } from "../language.js";
import { showPicture } from "../pictures.js";
import { Store } from "../store.js";

/** @typedef {{item_id: string, label: ?string, attributes: Record<string, *>, image_url?: string}} Item */
/** @typedef {"like"|"unlike"|"compare"} Pile */

const MOST_COMPARED = 4;
const ICONS = /** @type {const} */ ({ like: "like", unlike: "dislike", compare: "compare" });
const PILES = /** @type {Pile[]} */ (Object.keys(ICONS));
/** @returns {{like: string[], unlike: string[], compare: string[]}} */
const nothing = () => ({ like: [], unlike: [], compare: [] });

export class Tray {
  /**
   * @type {Store<{like: string[], unlike: string[], compare: string[]}>} Ids of items, as they were picked.
   */
  #picked = new Store(nothing());
  /** @type {Map<string, Item>} */
  #items = new Map();
  #imageOf;
  #taken = "";
  element = el("section", { class: "tray", "aria-label": t("tray.section"), hidden: true });

  /**
   * @param {{refine: (picked: {like: string[], unlike: string[]}) => void, compare: (ids: string[]) => void}} actions
   *   Search by what was picked, or by nothing of the kind; show side by side.
   * @param {(itemId: string) => string} imageOf The address of an item's picture.
   */
  constructor(actions, imageOf) {
    this.#imageOf = imageOf;
    this.#picked.shownBy((picked) => this.#show(picked, actions));
  }

  /**
   * What the address says was refined by; what was picked since stays while the same is searched by.
   * @param {string} subject @param {{like: string[], unlike: string[]}} state
   */
  take(subject, { like, unlike }) {
    const taken = JSON.stringify([subject, like, unlike]);
    if (taken === this.#taken) return;
    this.#taken = taken;
    this.#picked.set({ ...this.#picked.value, like, unlike });
  }

  #clear(actions) {
    this.#picked.set(nothing());
    actions.refine({ like: [], unlike: [] });
  }

  /** A button for each pile, pressed while the item is on it. @param {Item} item */
  toggles(item) {
    const name = itemName(item);
    return PILES.map((pile) => {
      const toggle = iconButton(ICONS[pile], t(`tray.${pile}_item`, { name }), {
        title: t(`tray.${pile}`),
        "data-pile": pile,
        "data-item": item.item_id,
      });
      toggle.setAttribute("aria-pressed", String(this.#picked.value[pile].includes(item.item_id)));
      toggle.addEventListener("click", () => {
        this.#items.set(item.item_id, item);
        this.#toggle(pile, item.item_id);
      });
      return toggle;
    });
  }

  /** @param {Pile} pile @param {string} id */
  #toggle(pile, id) {
    const { [pile]: now, ...others } = this.#picked.value;
    const next = {
      ...nothing(),
      ...others,
      [pile]: now.includes(id) ? now.filter((each) => each !== id) : [...now, id],
    };
    const opposite = { like: "unlike", unlike: "like" }[pile];
    if (opposite) next[opposite] = next[opposite].filter((each) => each !== id);
    next.compare = next.compare.slice(-MOST_COMPARED);
    this.#picked.set(next);
  }

  #show(picked, actions) {
    const piles = PILES.filter((pile) => picked[pile].length);
    this.element.hidden = piles.length === 0;
    this.element.parentElement?.toggleAttribute("data-picking", piles.length > 0);
    fill(
      this.element,
      el("div", { class: "tray-piles" }, ...piles.map((pile) => this.#pile(pile, picked[pile]))),
      el(
        "div",
        { class: "tray-actions" },
        (picked.like.length || picked.unlike.length) > 0 &&
          button(
            {
              class: "button button-primary",
              click: () => actions.refine({ like: picked.like, unlike: picked.unlike }),
            },
            t("tray.refine"),
          ),
        picked.compare.length > 1 &&
          button({ click: () => actions.compare(picked.compare) }, t("tray.compare_items", { count: picked.compare.length })),
        iconButton("close", t("tray.clear"), { click: () => this.#clear(actions) }),
      ),
    );
    for (const toggle of document.querySelectorAll("[data-pile]")) {
      const { pile = "", item = "" } = /** @type {HTMLElement} */ (toggle).dataset;
      toggle.setAttribute("aria-pressed", String(picked[pile].includes(item)));
    }
  }

  /** @param {Pile} pile @param {string[]} ids */
  #pile(pile, ids) {
    return el(
      "ul",
      { class: `tray-pile tray-${pile}`, role: "list", "aria-label": t(`tray.list.${pile}`) },
      ...ids.map((id) => {
        const name = this.#items.has(id) ? itemName(this.#items.get(id)) : id;
        const image = el("img", { alt: "", width: 44, height: 44 });
        image.addEventListener("error", () => image.replaceWith(icon("picture")));
        showPicture(image, sized(this.#imageOf(id), 320)); // as the grid has it
        return el(
          "li",
          {},
          button(
            {
              class: "tray-item",
              "aria-label": t("tray.drop", { name }),
              title: name,
              click: () => this.#toggle(pile, id),
            },
            image,
          ),
        );
      }),
    );
  }
}
