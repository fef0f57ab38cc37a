/* What the page shows, as one plain value, and its form in the URL.

   A search by item lives wholly in the URL and can be shared. A photo cannot:
   its entry in the browser's history holds a number that photos.js understands. */

export const SIZES = [12, 24, 48];
const MOST_ONLY = 10;

/**
 * @typedef {object} State
 * @property {?string} collection Null: the first one.
 * @property {?string} item       The item to search by, or null.
 * @property {?number} photo      The photo to search by, or null.
 * @property {string} label       Path to narrow to; "" for everything.
 * @property {[string, string|number|boolean][]} only Attributes with the values to narrow to.
 * @property {number} k           Results wanted.
 */

/** @type {Readonly<State>} */
export const START = Object.freeze({
  collection: null,
  item: null,
  photo: null,
  label: "",
  only: Object.freeze([]),
  k: 24,
});

/** @returns {State} */
export function parse(search, historyState) {
  const query = new URLSearchParams(search);
  const k = Number(query.get("k"));
  const item = query.get("item") || null;
  return {
    collection: query.get("collection") || START.collection,
    item,
    photo: item ? null : (historyState?.photo ?? null),
    label: query.get("label") ?? START.label,
    only: parseOnly(query.get("only")),
    k: SIZES.includes(k) ? k : START.k,
  };
}

/** The URL of a state; what equals the start is left out. */
export function toUrl(state) {
  const query = new URLSearchParams();
  for (const name of ["collection", "item", "label", "k"]) {
    if (state[name] !== START[name]) query.set(name, String(state[name]));
  }
  if (state.only.length) query.set("only", JSON.stringify(state.only));
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

/** The label and the values as a filter of the API; undefined for everything. */
export function filterOf(state) {
  const parts = state.only.map(([field, value]) => ({ field, eq: value }));
  if (state.label) parts.unshift({ field: "label", under: state.label });
  return parts.length > 1 ? { all: parts } : parts[0];
}

/** Whether the results are narrowed to this value of the field. */
export function isChosen(state, field, value) {
  return state.only.some(([name, one]) => name === field && one === value);
}

/** The values to narrow to with one more, or without it if it was among them. */
export function toggled(state, field, value) {
  if (!isChosen(state, field, value)) return [...state.only, [field, value]];
  return state.only.filter(([name, one]) => name !== field || one !== value);
}

/** What an address says; anything else than pairs of a name and a plain value is left out. */
function parseOnly(text) {
  let pairs;
  try {
    pairs = JSON.parse(text ?? "[]");
  } catch {
    return START.only;
  }
  if (!Array.isArray(pairs)) return START.only;
  return pairs.filter(isPair).slice(0, MOST_ONLY);
}

function isPair(pair) {
  if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string") return false;
  return ["string", "number", "boolean"].includes(typeof pair[1]);
}
