/* What the page shows, as one plain value, and its form in the URL.

   A search by item lives wholly in the URL and can be shared. A photo cannot:
   its entry in the browser's history holds a number that photos.js understands. */

export const SIZES = [12, 24, 48];

/**
 * @typedef {object} State
 * @property {?string} collection Null: the first one.
 * @property {?string} item       The item to search by, or null.
 * @property {?number} photo      The photo to search by, or null.
 * @property {string} label       Path to narrow to; "" for everything.
 * @property {number} k           Results wanted.
 */

/** @type {Readonly<State>} */
export const START = Object.freeze({ collection: null, item: null, photo: null, label: "", k: 24 });

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
    k: SIZES.includes(k) ? k : START.k,
  };
}

/** The URL of a state; what equals the start is left out. */
export function toUrl(state) {
  const query = new URLSearchParams();
  for (const name of ["collection", "item", "label", "k"]) {
    if (state[name] !== START[name]) query.set(name, String(state[name]));
  }
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

/** A label path as a filter of the API; undefined for everything. */
export function filterOf(state) {
  return state.label ? { field: "label", under: state.label } : undefined;
}
