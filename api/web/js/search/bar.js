/* Between the answer and the results: filters, what is narrowed to, and how the results are ordered. */

import { button, el, icon, unseen } from "../dom.js";
import { fill } from "../redraw.js";
import { fieldName, fieldValue, lastPart, shorten } from "../format.js";
import { t } from "../language.js";
import { NO_FILTERS, chosenOf, hasPicture } from "./address.js";
import { moreChoices } from "./more_choices.js";

/** @typedef {import("./address.js").State} State */

const VARIETY = /** @type {const} */ ([
  ["0", "none"],
  ["0.3", "some"],
  ["0.6", "more"],
]);

/**
 * @param {import("./address.js").Go} go
 * @param {() => void} openFilters Where they have no room beside the results.
 */
export function toolBar(go, openFilters) {
  const filters = button(
    { class: "button bar-filters", click: openFilters },
    icon("filter"),
    el("span", {}, t("bar.filters")),
  );
  const group = button(
    {
      class: "button bar-toggle",
      title: t("bar.grouped_help"),
      click: () => go(({ grouped, fold }) => ({ grouped: !grouped || fold, fold: false })),
    },
    t("bar.grouped"),
  );
  const variety = choice(t("bar.variety"), (value) => go({ variety: Number(value), sort: null }));
  const sort = choice(t("bar.sort"), (value) => go({ sort: value || null, variety: 0 }));
  const more = moreChoices(go);
  const chosen = el("ul", { class: "chips", role: "list", "aria-label": t("bar.active") });
  const element = el(
    "div",
    { class: "bar-row" },
    el("div", { class: "bar-controls" }, filters, variety.label, more.opener, group, sort.label),
    chosen,
  );

  sort.label.hidden = true; // until it is known by what
  variety.fill(VARIETY.map(([value, name]) => [value, t(`bar.variety.${name}`)]));
  return {
    element,
    openMore: more.open,
    /**
     * @param {State} state
     * @param {{field: string}[]} numbers Fields that results can be sorted by.
     * @param {boolean} hasProducts Whether items are views of products.
     */
    show(state, numbers, hasProducts) {
      const active = chosenOf(state);
      filters.replaceChildren(
        icon("filter"),
        el("span", {}, active.length ? t("bar.filters_active", { number: active.length }) : t("bar.filters")),
      );
      group.hidden = !hasProducts;
      group.setAttribute("aria-pressed", String(state.grouped && !state.fold));
      sort.label.hidden = numbers.length === 0;
      sort.fill([
        ["", t("bar.closest")],
        ...numbers.flatMap(({ field }) => [
          [field, t("bar.rising", { field: fieldName(field) })],
          [`-${field}`, t("bar.falling", { field: fieldName(field) })],
        ]),
      ]);
      sort.value = state.sort ?? "";
      variety.value = String(state.variety);
      variety.label.hidden = !hasPicture(state);
      more.show(state);
      chosen.hidden = active.length === 0;
      fill(
        chosen,
        ...active.map((each) => el("li", {}, chip(each, go))),
        active.length > 1 &&
          el("li", {}, button({ class: "button button-small", click: () => go(NO_FILTERS) }, t("bar.clear"))),
      );
    },
  };
}

/** What is narrowed to, as a reader knows it. @param {import("./address.js").Chosen} chosen */
export function chosenText({ field, text, value }) {
  if (field === "label") return lastPart(text);
  return value === undefined ? `${fieldName(field)} ${text}` : fieldValue(field, value);
}

/** @param {import("./address.js").Chosen} chosen @param {import("./address.js").Go} go */
function chip(chosen, go) {
  const { field, text, without } = chosen;
  return button(
    { class: "chip", title: `${fieldName(field)}: ${shorten(text)}`, click: () => go(without) },
    chosenText(chosen),
    el("span", { "aria-hidden": "true" }, "×"),
    unseen(` ${t("bar.remove")}`),
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
