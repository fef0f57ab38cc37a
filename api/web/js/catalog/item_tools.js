/* What items are looked for, their order, and how they are shown. */

import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { put } from "../redraw.js";
import { fieldName } from "../format.js";
import { t } from "../language.js";
import { wordsOf } from "../words.js";
import { FIRST_PAGE } from "./address.js";
import { labelList } from "./label_list.js";

const ORDERS = /** @type {const} */ (["-changed", "-added", "added", "item_id", "label"]);
const WIDE = "(min-width: 44rem)";
const OF_THE_FILTER = new Set(["bad_filter", "unknown_field", "bad_parameter"]);

/** @param {import("./view.js").Around} around */
export function itemTools(around) {
  const problem = el("p", { class: "form-problem", role: "alert", id: "filter-problem" });
  const q = el("input", {
    class: "field",
    id: "items-q",
    type: "search",
    placeholder: t("items.text_hint"),
    autocomplete: "off",
  });
  const label = el("input", {
    class: "field",
    id: "items-label",
    type: "search",
    list: "items-labels",
    placeholder: t("items.label_hint"),
    autocomplete: "off",
  });
  const filter = el("input", {
    class: "field",
    id: "items-filter",
    type: "search",
    placeholder: "price < 30 and color = 'red'",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "filter-problem",
  });
  const labels = labelList("items-labels", label);
  const sort = el("select", {
    class: "select",
    id: "items-sort",
    change: () => around.go({ sort: sort.value, ...FIRST_PAGE }),
  });
  const layout = /** @type {const} */ (["table", "grid"]).map((name) =>
    button(
      {
        class: "button button-small",
        "data-as": name,
        click: () => around.go({ as: name }, { replace: true }),
      },
      t(`items.as.${name}`),
    ),
  );
  const look = (event) => {
    event.preventDefault();
    around.go({ q: q.value.trim(), label: label.value.trim(), filter: filter.value.trim(), ...FIRST_PAGE });
  };
  const named = (input, text) => el("label", { class: "labelled", for: input.id }, text, input);
  const more = el(
    "details",
    { class: "item-narrowing", open: matchMedia(WIDE).matches },
    el("summary", {}, t("items.narrowing")),
    el("div", { class: "item-fields" }, named(label, t("columns.field.label")), named(filter, t("items.filter"))),
  );
  const element = el(
    "div",
    { class: "stack-tight" },
    el(
      "form",
      { class: "item-tools", role: "search", "aria-label": t("catalog.part.items"), submit: look },
      named(q, t("items.text")),
      more,
      labels.element,
      button({ type: "submit" }, t("items.find")),
    ),
    el(
      "div",
      { class: "row" },
      el("label", { class: "labelled labelled-row", for: "items-sort" }, t("items.order"), sort),
      el("span", { class: "spacer" }),
      el("div", { class: "row", role: "group", "aria-label": t("items.show_as") }, ...layout),
    ),
    problem,
  );
  for (const input of [q, label, filter])
    input.addEventListener("search", () => !input.value && input.form?.requestSubmit());

  return {
    element,
    /** @param {import("./address.js").State} state @param {string[]} fields */
    show(state, fields) {
      problem.textContent = "";
      put(q, state.q);
      put(label, state.label);
      put(filter, state.filter);
      if (state.label || state.filter) more.open = true;
      labels.collection = /** @type {string} */ (state.collection);
      const orders = Object.fromEntries([
        ...ORDERS.map((name) => [name, t(`items.order.${name}`)]),
        ...fields.flatMap((name) => [
          [name, fieldName(name)],
          [`-${name}`, t("items.order_falling", { field: fieldName(name) })],
        ]),
      ]);
      if (!(state.sort in orders)) orders[state.sort] = state.sort;
      sort.replaceChildren(...Object.entries(orders).map(([value, text]) => el("option", { value }, text)));
      sort.value = state.sort;
      for (const each of layout) each.setAttribute("aria-pressed", String(each.dataset.as === state.as));
    },
    /** @param {string[]} warnings Each behind a code and a colon. */
    tell(warnings) {
      problem.textContent = warnings.map((each) => each.replace(/^[a-z_]+: /, "")).join(" ");
    },
    /** A page of nothing where what was typed is no filter. @param {Problem} error @returns {*} */
    problemOf(error) {
      if (!(error instanceof Problem) || !OF_THE_FILTER.has(error.code)) throw error;
      return { items: [], total: 0, next_cursor: null, warnings: [`${wordsOf(error)[0]}: ${error.detail}`] };
    },
  };
}
