/* Between the answer and the results: filters, what is narrowed to, and how the results are ordered. */

import { button, el, icon, unseen } from "../dom.js";
import { fieldName, fieldValue, lastPart, shorten } from "../format.js";
import { NO_FILTERS, chosenOf } from "./address.js";

/** @typedef {import("./address.js").State} State */

const VARIETY = [
  ["0", "Variety: none"],
  ["0.3", "Variety: some"],
  ["0.6", "Variety: more"],
];

/**
 * @param {(patch: Partial<State>) => void} go
 * @param {() => void} openFilters Where they have no room beside the results.
 */
export function toolBar(go, openFilters) {
  const filters = button(
    { class: "button bar-filters", click: openFilters },
    icon("filter"),
    el("span", {}, "Filters"),
  );
  const group = button(
    {
      class: "button bar-toggle",
      title: "One result a product",
      click: () => go({ grouped: group.getAttribute("aria-pressed") !== "true" }),
    },
    "Group by product",
  );
  const variety = choice("Variety", (value) => go({ variety: Number(value), sort: null }));
  const sort = choice("Sort", (value) => go({ sort: value || null, variety: 0 }));
  const chosen = el("ul", { class: "chips", role: "list", "aria-label": "Active filters" });
  const element = el(
    "div",
    { class: "bar-row" },
    el("div", { class: "bar-controls" }, filters, group, variety.label, sort.label),
    chosen,
  );

  variety.fill(VARIETY);
  return {
    element,
    /**
     * @param {State} state
     * @param {{field: string}[]} numbers Fields that results can be sorted by.
     * @param {boolean} hasProducts Whether items are views of products.
     */
    show(state, numbers, hasProducts) {
      const active = chosenOf(state);
      filters.replaceChildren(
        icon("filter"),
        el("span", {}, active.length ? `Filters ${active.length}` : "Filters"),
      );
      group.hidden = !hasProducts;
      group.setAttribute("aria-pressed", String(state.grouped));
      sort.label.hidden = numbers.length === 0;
      sort.fill([
        ["", "Closest first"],
        ...numbers.flatMap(({ field }) => [
          [field, `${fieldName(field)}: low to high`],
          [`-${field}`, `${fieldName(field)}: high to low`],
        ]),
      ]);
      sort.value = state.sort ?? "";
      variety.value = String(state.variety);
      chosen.hidden = active.length === 0;
      chosen.replaceChildren(...active.map((each) => el("li", {}, chip(each, go))));
      if (active.length > 1)
        chosen.append(
          el("li", {}, button({ class: "button button-small", click: () => go(NO_FILTERS) }, "Clear all")),
        );
    },
  };
}

/** @param {import("./address.js").Chosen} chosen @param {(patch: Partial<State>) => void} go */
function chip({ field, text, value, without }, go) {
  const said =
    field === "label"
      ? lastPart(text)
      : value === undefined
        ? `${fieldName(field)} ${text}`
        : fieldValue(value);
  return button(
    { class: "chip", title: `${fieldName(field)}: ${shorten(text)}`, click: () => go(without) },
    said,
    el("span", { "aria-hidden": "true" }, "×"),
    unseen(" Remove filter"),
  );
}

/** A select with its name before it. @param {string} name @param {(value: string) => void} chosen */
function choice(name, chosen) {
  const select = el("select", { class: "select", change: () => chosen(select.value) });
  return {
    label: el("label", { class: "bar-choice" }, unseen(name), select),
    /** @param {string[][]} options Values with their texts. */
    fill(options) {
      if (JSON.stringify(options) === select.dataset.options) return;
      select.dataset.options = JSON.stringify(options);
      select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
    },
    /** @param {string} value */
    set value(value) {
      select.value = value;
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    },
  };
}
