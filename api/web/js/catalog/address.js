/* What the address of the catalog view says, and back. */

export const PARTS = /** @type {const} */ (["items", "add", "jobs", "review"]);
export const REVIEWS = /** @type {const} */ (["duplicates", "labels", "outliers", "map"]);

/** @typedef {(typeof PARTS)[number]} Part */
/** @typedef {(typeof REVIEWS)[number]} Review */
/**
 * @typedef {object} State
 * @property {?string} collection Null for the overview.
 * @property {Part} part
 * @property {string} q       Text that items have somewhere.
 * @property {string} label   Only items below this label.
 * @property {string} filter  A filter as the API reads it.
 * @property {string} sort
 * @property {"table"|"grid"} as
 * @property {string} cursor  Of the page of items; empty for the first one.
 * @property {number} from    How many items are before it.
 * @property {Review} review  What is reviewed, in that part.
 */

/** @type {State} */
export const START = {
  collection: null,
  part: "items",
  q: "",
  label: "",
  filter: "",
  sort: "-changed",
  as: "table",
  cursor: "",
  from: 0,
  review: "duplicates",
};
/** The first page of items. */
export const FIRST_PAGE = { cursor: "", from: 0 };

/** @param {URLSearchParams} query @returns {State} */
export function parse(query) {
  const text = (name) => query.get(name) ?? "";
  const part = PARTS.find((each) => each === query.get("part")) ?? START.part;
  return {
    collection: query.get("collection") || null,
    part,
    q: text("q"),
    label: text("label"),
    filter: text("filter"),
    sort: text("sort") || START.sort,
    as: query.get("as") === "grid" ? "grid" : "table",
    cursor: text("cursor"),
    from: Math.max(0, Math.trunc(Number(query.get("from")) || 0)),
    review: REVIEWS.find((each) => each === query.get("review")) ?? START.review,
  };
}

/** @param {State} state */
export function toUrl(state) {
  const named = Object.entries(state).filter(([name, value]) => value !== START[name]);
  const query = new URLSearchParams(named.map(([name, value]) => [name, String(value)]));
  return query.size ? `/catalog?${query}` : "/catalog";
}

/** What items are asked for. @param {State} state @returns {Record<string, *>} */
export function itemsQuery({ q, label, filter, sort }) {
  const under = label && { field: "label", under: label };
  const both = under && filter ? `label under ${quoted(label)} and (${filter})` : filter || under;
  return { q: q || undefined, filter: both || undefined, sort };
}

const quoted = (text) => (text.includes('"') ? `'${text}'` : `"${text}"`);
