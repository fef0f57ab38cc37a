/* Which attributes of a collection are worth a filter, and what is known of their values. */

import { PICTURE_COLOR } from "../colors.js";
import { isOwn, shownFields } from "../format.js";
import { Recent } from "../recent.js";
import { server } from "../server.js";
import { settings } from "../settings.js";
import { filterOf } from "./address.js";

/** @typedef {{value: string|number|boolean, count: number}} Value */
/**
 * @typedef {{field: string, kind: "values"|"numbers"|"dates", low?: *, high?: *}} Field A range has its ends.
 */
/** @typedef {{name: string, items: number, fields?: string[]}} Collection */

export const LONGEST_ANSWER = 20; // values a field: one with fewer has told all of them
const ASKED_AT_ONCE = 10; // as many as the API takes
const MOST_ASKED = 30;
const SHOWN_FIELDS = 6;
const MANY = 8; // so many different numbers or dates are a range
const DATE = /^\d{4}-\d\d-\d\d/;
const KEPT = 50;

let answers = new Recent(KEPT);
/** @type {WeakMap<Collection, Field[]>} */
const known = new WeakMap();

/**
 * The attributes that are worth a filter; found out once for what the server said of a collection.
 * @param {Collection} collection
 * @param {AbortSignal} signal
 * @returns {Promise<Field[]>}
 */
export async function fieldsOf(collection, signal) {
  const before = known.get(collection);
  if (before) return before;
  answers = new Recent(KEPT);
  const askable = shownFields(collection.fields ?? [])
    .filter((name) => !name.includes(",") && !isOwn(name))
    .slice(0, MOST_ASKED);
  const parts = [];
  for (let start = 0; start < askable.length; start += ASKED_AT_ONCE) {
    parts.push(count(collection.name, askable.slice(start, start + ASKED_AT_ONCE), undefined, signal));
  }
  const found = (await Promise.all(parts)).flatMap(Object.entries);
  const worth = worthFilters(found, collection.items);
  const ordered = settings.attributes.length ? inOrder(worth, settings.attributes) : worth;
  const fields = await Promise.all(ordered.map((each) => withEnds(each, collection.name, signal)));
  const colors = await count(collection.name, [PICTURE_COLOR], undefined, signal);
  if (colors[PICTURE_COLOR].length > 1) fields.push({ field: PICTURE_COLOR, kind: "values" });
  known.set(collection, fields);
  return fields;
}

/** @template {{field: string}} T @param {T[]} fields @param {string[]} order @returns {T[]} */
const inOrder = (fields, order) =>
  [...fields].sort((a, b) => order.indexOf(a.field) - order.indexOf(b.field));

/**
 * Fields whose values divide the catalog into a few parts, and numbers; those that say most of it first.
 * @param {[string, Value[]][]} facets @param {number} items
 */
export function worthFilters(facets, items) {
  return facets
    .map(([field, values]) => ({
      field,
      values,
      covered: values.reduce((total, each) => total + each.count, 0),
    }))
    .filter(({ values }) => values.length > 1)
    .map((each) => ({ ...each, kind: kindOf(each.values) }))
    .filter(
      ({ kind, values, covered }) =>
        kind !== "values" ||
        (values[0].count > 1 && (values.length < LONGEST_ANSWER || covered >= items / 2)),
    )
    .sort((a, b) => b.covered - a.covered)
    .slice(0, SHOWN_FIELDS)
    .map(({ field, kind }) => ({ field, kind }));
}

/** @param {Value[]} values @returns {Field["kind"]} */
function kindOf(values) {
  if (values.length < MANY) return "values";
  if (values.every(({ value }) => typeof value === "number")) return "numbers";
  return values.every(({ value }) => DATE.test(String(value))) ? "dates" : "values";
}

/**
 * How many items have which value; of a field that is narrowed, as if it were not.
 * @param {string} collection @param {string[]} fields @param {import("./address.js").State} state @param {AbortSignal} signal
 * @returns {Promise<Record<string, Value[]>>}
 */
export async function valuesOf(collection, fields, state, signal) {
  const own = fields.filter((field) => (field === "label" ? state.labels.length : state.where[field]));
  const others = fields.filter((field) => !own.includes(field));
  const found = await Promise.all([
    others.length ? count(collection, others, filterOf(state), signal) : {},
    ...own.map((field) => count(collection, [field], filterOf(state, field), signal)),
  ]);
  return Object.assign({}, ...found);
}

async function count(collection, fields, filter, signal) {
  const key = JSON.stringify([collection, fields, filter]);
  if (!answers.has(key))
    answers.set(key, (await server.listFacets(fields, { collection, filter, signal })).facets);
  return answers.get(key);
}

/** The least and the greatest value of a range. */
async function withEnds(field, collection, signal) {
  if (field.kind === "values") return field;
  const end = async (sort) =>
    (await server.listItems({ collection, sort, limit: 1, signal })).items[0]?.attributes[field.field];
  const [low, high] = await Promise.all([end(field.field), end(`-${field.field}`)]);
  return { ...field, low, high };
}
