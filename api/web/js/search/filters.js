/* The filters beside the results: labels, values of attributes, ranges of numbers.

   They depend on what is narrowed to and never on the photo, and come on their own:
   results do not wait for them. */

import { PICTURE_COLOR, hexOf } from "../colors.js";
import { button, el } from "../dom.js";
import { fill, put } from "../redraw.js";
import { fieldName, fieldValue, number } from "../format.js";
import { t } from "../language.js";
import { server } from "../server.js";
import { filterOf, withRange, withValue } from "./address.js";
import { LONGEST_LIST } from "./catalog.js";
import { LONGEST_ANSWER, fieldsOf, valuesOf } from "./fields.js";
import { labelFilter } from "./label_tree.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {import("./fields.js").Field} Field */

const SHOWN_VALUES = 7;

/** @param {import("./address.js").Go} go */
export function filterPanel(go) {
  let collectionName = "";
  const opened = new Set(); // fields of which the reader asked for more values
  const labels = labelFilter(
    go,
    (query, signal) =>
      server.listLabels({ collection: collectionName, ...query, limit: LONGEST_LIST, signal }),
  );
  const rest = el("div", { class: "filters-fields" });
  /** @type {Map<string, ReturnType<typeof rangeFilter>>} They stay, with what is being typed. */
  const ranges = new Map();
  const rangeOf = (/** @type {Field} */ field, /** @type {State} */ state) => {
    const range = ranges.get(field.field) ?? rangeFilter(field, go);
    ranges.set(field.field, range);
    range.show(state.where[field.field] ?? {});
    return range.element;
  };
  const element = el("div", { class: "filters", hidden: true }, labels.element, rest);

  return {
    element,
    focus: () => labels.focus(),
    /**
     * Another collection: its labels are known first.
     * @param {string} name
     * @param {import("./label_tree.js").LabelPage} page
     */
    setCollection(name, page) {
      collectionName = name;
      labels.setLabels(page);
      rest.replaceChildren();
      ranges.clear();
    },
    /**
     * @param {import("./fields.js").Collection} collection @param {State} state @param {AbortSignal} signal
     * @returns {Promise<Field[]>} Those with numbers, which results can be sorted by.
     */
    async show(collection, state, signal) {
      const fields = await fieldsOf(collection, signal);
      const names = fields.filter(({ kind }) => kind === "values").map(({ field }) => field);
      const chosen = Object.keys(state.where).filter((field) => !fields.some((each) => each.field === field));
      const values = await valuesOf(collection.name, ["label", ...names], state, signal);
      signal.throwIfAborted();
      const known = values.label.length < LONGEST_ANSWER;
      const counts = new Map(values.label.map(({ value, count }) => [String(value), count]));
      labels.show(state.labels, known ? counts : null, Object.keys(state.where).length > 0);
      const all = /** @type {Field[]} */ ([...chosen.map((field) => ({ field, kind: "values" })), ...fields]);
      const isChosen = ({ field }) => Boolean(state.where[field]);
      const ordered = [...all.filter(isChosen), ...all.filter((each) => !isChosen(each))];
      fill(
        rest,
        ...ordered.flatMap((each) =>
          each.kind !== "values"
            ? [rangeOf(each, state)]
            : valuesFilter(each.field, values[each.field] ?? [], state, go, opened),
        ),
      );
      element.hidden = labels.element.hidden && rest.childElementCount === 0;
      return fields.filter(({ kind }) => kind === "numbers");
    },
    countLeft,
  };
}

/**
 * What a button says that leads from the filters to what they leave.
 * @param {string} collection
 * @param {State} state
 * @param {AbortSignal} signal
 */
async function countLeft(collection, state, signal) {
  const filter = filterOf(state);
  const found = await server.listItems({ collection, filter, limit: 1, signal }).catch(() => null);
  return found ? t("filter.show_items", { count: found.total }) : t("filter.show");
}

/** A group of values; what is chosen comes first, and stays even where nothing has it any more. */
function valuesFilter(field, values, state, go, opened) {
  const chosen = state.where[field]?.any ?? [];
  const counts = new Map(values.map(({ value, count }) => [value, count]));
  const first = chosen.map((value) => ({ value, count: counts.get(value) ?? 0 }));
  const all = [...first, ...values.filter(({ value }) => !chosen.includes(value))];
  if (all.length === 0) return [];
  const shown =
    opened.has(field) || all.length <= SHOWN_VALUES + 1 ? all.length : Math.max(SHOWN_VALUES, first.length);
  const rows = all.map((each) => choiceRow(field, each, chosen.includes(each.value), go));
  rows.slice(shown).forEach((row) => (row.hidden = true));
  const list = el("ul", { role: "list" }, ...rows);
  if (shown < all.length) list.append(moreValues(rows.slice(shown), () => opened.add(field)));
  return [group(field, list)];
}

function choiceRow(field, { value, count }, checked, go) {
  const box = el("input", {
    type: "checkbox",
    "data-key": JSON.stringify([field, value]),
    change: () => go(withValue(field, value, box.checked)),
  });
  box.checked = checked;
  return el(
    "li",
    {},
    el(
      "label",
      { class: "choice", title: typeof value === "string" ? value : null },
      box,
      swatch(field, value),
      el("span", { class: "choice-text" }, fieldValue(field, value)),
      el("span", { class: "choice-count" }, number(count)),
    ),
  );
}

/** A dot in the colour that a value names. */
function swatch(field, value) {
  if (!/colou?r|farbe|couleur/i.test(field) || typeof value !== "string") return null;
  const color = field === PICTURE_COLOR ? hexOf(value) : value;
  if (!CSS.supports("color", color)) return null;
  const dot = el("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.backgroundColor = color;
  return dot;
}

/** A button in place of the rarer values. */
function moreValues(rest, open) {
  const more = el(
    "li",
    {},
    button(
      {
        class: "button button-small",
        click: () => {
          open();
          for (const row of rest) row.hidden = false;
          more.remove();
          rest[0].querySelector("input").focus();
        },
      },
      t("filter.more", { count: rest.length }),
    ),
  );
  return more;
}

/** Two numbers or dates, least and most. @param {Field} field @param {import("./address.js").Go} go */
function rangeFilter({ field, kind, low, high }, go) {
  const isDate = kind === "dates";
  const read = (text) => (isDate ? text : Number(text));
  const end = (/** @type {"gte"|"lte"} */ name, placeholder) =>
    el("input", {
      class: "field",
      type: isDate ? "date" : "number",
      step: isDate ? null : "any",
      min: isDate && low,
      max: isDate && high,
      "aria-label": t(name === "gte" ? "filter.from" : "filter.to", { field: fieldName(field) }),
      placeholder,
      "data-key": JSON.stringify([field, name]),
    });
  const least = end("gte", low);
  const most = end("lte", high);
  const change = () => {
    const wanted = {
      ...(least.value !== "" && { gte: read(least.value) }),
      ...(most.value !== "" && { lte: read(most.value) }),
    };
    go(withRange(field, Object.keys(wanted).length ? wanted : null));
  };
  for (const input of [least, most]) input.addEventListener("change", change);
  return {
    element: group(field, el("div", { class: "range" }, least, el("span", { "aria-hidden": "true" }, "–"), most)),
    /** @param {import("./address.js").Wanted} wanted */
    show({ gte, lte }) {
      put(least, String(gte ?? ""));
      put(most, String(lte ?? ""));
    },
  };
}

const group = (field, content) =>
  el(
    "fieldset",
    { class: "filter", role: "group", "aria-label": fieldName(field) },
    el("legend", { class: "filter-name" }, fieldName(field)),
    content,
  );
