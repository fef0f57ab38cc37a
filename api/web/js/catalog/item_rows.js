/* Items as rows of a table or as a grid of pictures, to be chosen and changed. */

import { el, iconButton, labelText } from "../dom.js";
import { fill } from "../redraw.js";
import { attributeText, fieldName, itemName } from "../format.js";
import { t } from "../language.js";
import { thumb } from "./thumb.js";

const MOST_COLUMNS = 5;
const SKELETONS = 8;

/** @typedef {import("../client.js").Item} Item */

/**
 * @param {import("./selection.js").Selection} selection
 * @param {{edit: (item: Item) => void, remove: (item: Item) => void}} acts
 */
export function itemRows(selection, acts) {
  const element = el("div", { role: "region", "aria-label": t("catalog.part.items") });
  /** @type {Item[]} */
  let items = [];
  /** @type {string[]} */
  let columns = [];
  /** @type {string[]} Names of attributes. */
  let known = [];
  /** @type {"table"|"grid"} */
  let as = "table";
  /** @type {Map<string, HTMLElement>} */
  const drawn = new Map();
  const all = el("input", {
    type: "checkbox",
    "aria-label": t("items.choose_page"),
    change: () => (all.checked ? selection.add(items) : selection.remove(items)),
  });

  selection.addEventListener("change", showChosen);

  function showChosen() {
    for (const item of items) {
      const box = drawn.get(item.item_id)?.querySelector("input");
      if (box) box.checked = selection.has(item);
    }
    const chosen = items.filter(selection.has).length;
    all.checked = items.length > 0 && chosen === items.length;
    all.indeterminate = chosen > 0 && chosen < items.length;
  }

  /** @param {Item} item */
  function box(item) {
    const input = el("input", {
      type: "checkbox",
      "aria-label": t("items.choose_one", { name: itemName(item) }),
      change: () => (input.checked ? selection.add([item]) : selection.remove([item])),
    });
    input.checked = selection.has(item);
    return input;
  }

  /** @param {Item} item */
  const actions = (item) =>
    el(
      "div",
      { class: "item-acts" },
      iconButton("edit", t("items.edit_one", { name: itemName(item) }), { click: () => acts.edit(item) }),
      iconButton("remove", t("catalog.delete_one", { name: itemName(item) }), { click: () => acts.remove(item) }),
    );

  /** @param {Item} item */
  const tableRow = (item) =>
    el(
      "tr",
      {},
      el("td", {}, box(item)),
      el("td", { class: "cell-picture" }, thumb(item)),
      el("th", { scope: "row" }, item.item_id),
      el("td", {}, item.label === null ? "" : labelText(item.label)),
      ...columns.map((name) =>
        el(
          "td",
          {},
          el(
            "span",
            { class: "clamped" },
            name in item.attributes ? attributeText(item.attributes[name]) : "",
          ),
        ),
      ),
      el("td", {}, actions(item)),
    );

  /** @param {Item} item */
  const card = (item) =>
    el(
      "li",
      { class: "tile" },
      el("label", { class: "tile-pick" }, thumb(item), box(item)),
      el("p", { class: "tile-name" }, itemName(item)),
      el("p", { class: "muted" }, item.label === null ? t("items.no_label") : labelText(item.label)),
      actions(item),
    );

  /** @param {Item} item */
  function draw(item) {
    const one = as === "table" ? tableRow(item) : card(item);
    drawn.set(item.item_id, one);
    return one;
  }

  /** @param {Item[]} shown @param {"table"|"grid"} layout @param {string[]} fields */
  function show(shown, layout, fields) {
    items = shown;
    as = layout;
    known = fields;
    columns = fields
      .filter((name) => items.some(({ attributes }) => name in attributes))
      .slice(0, MOST_COLUMNS);
    drawn.clear();
    element.removeAttribute("aria-busy");
    element.inert = false;
    if (!items.length) element.replaceChildren();
    else if (as === "grid")
      fill(
        element,
        el("ul", { class: "tiles", role: "list", "aria-label": t("catalog.part.items") }, ...items.map(draw)),
      );
    else {
      const names = [
        t("columns.field.image"),
        t("columns.field.item_id"),
        t("columns.field.label"),
        ...columns.map(fieldName),
        t("items.column.actions"),
      ];
      fill(
        element,
        el(
          "div",
          { class: "table-frame" },
          el(
            "table",
            { class: "table items-table" },
            el(
              "thead",
              {},
              el("tr", {}, el("td", {}, all), ...names.map((name) => el("th", { scope: "col" }, name))),
            ),
            el("tbody", {}, ...items.map(draw)),
          ),
        ),
      );
    }
    showChosen();
  }

  return {
    element,
    showLoading() {
      element.setAttribute("aria-busy", "true");
      element.inert = true; // nobody means these rows any more
      if (!items.length)
        element.replaceChildren(
          ...Array.from({ length: SKELETONS }, () => el("div", { class: "skeleton skeleton-row" })),
        );
    },
    show,
    /** Show items as they are now. @param {Item[]} changed */
    replace(changed) {
      const now = new Map(changed.map((item) => [item.item_id, item]));
      const names = changed.flatMap(({ attributes }) => Object.keys(attributes));
      show(
        items.map((item) => now.get(item.item_id) ?? item),
        as,
        [...new Set([...known, ...names])],
      );
    },
    /** What is on its way out is seen no more. @param {string[]} ids */
    drop: (ids) => show(items.filter(({ item_id: id }) => !ids.includes(id)), as, known),
    /** Go back to what can be done with an item. @param {Item} item */
    focus: (item) => drawn.get(item.item_id)?.querySelector("button")?.focus(),
  };
}
