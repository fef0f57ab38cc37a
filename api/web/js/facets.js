/* The facets: how many items have which value of an attribute, as chips that narrow the results.

   They depend on the filter alone and never on the photo, and come on their own:
   results do not wait for them, and they are kept until the page is loaded again. */

import { PICTURE_COLOR, swatch } from "./colors.js";
import { byId, el } from "./dom.js";
import { fieldName, fieldValue, number } from "./format.js";
import { Recent } from "./recent.js";
import { server } from "./server.js";
import { filterOf, isChosen, toggled } from "./state.js";

const ASKED_AT_ONCE = 10; // as many as the API takes
const MOST_ASKED = 30;
const SHOWN_FIELDS = 4;
const SHOWN_VALUES = 6;
const LONGEST_ANSWER = 20; // values a field: one with fewer has told all of them
const KEPT = 50;

const section = byId("facets");
const answers = new Recent(KEPT);
const chosenFields = new Map();
const opened = new Set(); // fields of which the reader asked for more values

export function hide() {
  section.hidden = true;
  section.replaceChildren();
}

/**
 * Show the facets of what the state narrows to.
 * @param {{name: string, items: number, fields: string[]}} collection
 * @param {import("./state.js").State} state
 * @param {(only: State["only"]) => string} hrefOf Where the page narrows to these values.
 */
export async function show(collection, state, hrefOf, signal) {
  const fields = await fieldsOf(collection, signal);
  const filter = filterOf(state);
  const key = JSON.stringify([collection.name, filter]);
  const known = answers.get(key) ?? (fields.length ? await ask(collection, fields, filter, signal) : {});
  signal.throwIfAborted();
  answers.set(key, known);
  const rows = [...new Set([...state.only.map(([field]) => field), ...fields])]
    .map((field) => [field, valuesOf(field, known[field] ?? [], state)])
    .filter(([, values]) => values.length > 0);
  const focused = section.contains(document.activeElement) && document.activeElement.dataset.chip;
  section.hidden = rows.length === 0;
  section.replaceChildren(...rows.map(([field, values]) => row(field, values, state, hrefOf)));
  if (focused) section.querySelector(`[data-chip="${CSS.escape(focused)}"]`)?.focus();
}

const ask = async (collection, fields, filter, signal) =>
  (await server.listFacets(fields, { collection: collection.name, filter, signal })).facets;

/** The attributes that are worth chips; found out once a collection. */
async function fieldsOf(collection, signal) {
  const known = chosenFields.get(collection.name);
  if (known) return known;
  const askable = (collection.fields ?? []).filter((name) => !name.includes(","));
  const found = [];
  for (let start = 0; start < Math.min(askable.length, MOST_ASKED); start += ASKED_AT_ONCE) {
    const part = askable.slice(start, start + ASKED_AT_ONCE);
    found.push(...Object.entries(await ask(collection, part, undefined, signal)));
  }
  const fields = worthChips(found, collection.items);
  const colors = await ask(collection, [PICTURE_COLOR], undefined, signal);
  if (colors[PICTURE_COLOR].length > 1) fields.push(PICTURE_COLOR);
  chosenFields.set(collection.name, fields);
  return fields;
}

/**
 * Fields whose values divide the catalog into a few parts, those that say most of it first.
 * @param {[string, {value: *, count: number}[]][]} facets
 */
export function worthChips(facets, items) {
  return facets
    .map(([field, values]) => ({ field, values, covered: sum(values) }))
    .filter(({ values }) => values.length > 1 && values[0].count > 1)
    .filter(({ values, covered }) => values.length < LONGEST_ANSWER || covered >= items / 2)
    .sort((a, b) => b.covered - a.covered)
    .slice(0, SHOWN_FIELDS)
    .map(({ field }) => field);
}

const sum = (values) => values.reduce((total, { count }) => total + count, 0);

/** The values to show: what is chosen stays, even where nothing has it any more. */
function valuesOf(field, values, state) {
  const chosen = state.only.filter(([name]) => name === field).map(([, value]) => value);
  const counts = new Map(values.map(({ value, count }) => [value, count]));
  const first = chosen.map((value) => ({ value, count: counts.get(value) ?? 0 }));
  return [...first, ...values.filter(({ value }) => !chosen.includes(value))];
}

const title = (field) => (field === PICTURE_COLOR ? "Colours in the picture" : fieldName(field));

function row(field, values, state, hrefOf) {
  const all = opened.has(field) || values.length <= SHOWN_VALUES + 1;
  const chips = values.map((each) => el("li", {}, chip(field, each, state, hrefOf)));
  const list = el("ul", { class: "chips", role: "list" }, ...chips);
  if (!all) list.append(more(field, chips.slice(SHOWN_VALUES)));
  return el(
    "div",
    { class: "facet", role: "group", "aria-label": title(field) },
    el("span", { class: "facet-name eyebrow", "aria-hidden": "true" }, title(field)),
    list,
  );
}

function chip(field, { value, count }, state, hrefOf) {
  const chosen = isChosen(state, field, value);
  return el(
    "a",
    {
      class: "chip",
      href: hrefOf(toggled(state, field, value)),
      title: typeof value === "string" ? value : null,
      "data-same-query": true,
      "data-chip": JSON.stringify([field, value]),
      "aria-current": chosen && "true",
    },
    field === PICTURE_COLOR && swatch(value),
    fieldValue(value),
    el("span", { class: "chip-count" }, chosen ? "\u00d7" : number(count)),
    chosen && el("span", { class: "visually-hidden" }, " Show all again"),
  );
}

/** A button in place of the rarer values. */
function more(field, rest) {
  for (const one of rest) one.hidden = true;
  const button = el("button", { class: "chip chip-more", type: "button" }, `${rest.length} more`);
  const place = el("li", {}, button);
  button.addEventListener("click", () => {
    opened.add(field);
    for (const one of rest) one.hidden = false;
    place.remove();
    rest[0].querySelector("a").focus();
  });
  return place;
}
