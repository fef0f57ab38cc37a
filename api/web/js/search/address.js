/* What the search view shows, as one plain value, and its form in the address.

   A search by an item can be shared. A photo cannot: the address has a name for it that only this
   browser understands (photos/library.js). */

import { t } from "../language.js";

/**
 * @typedef {{any?: (string|number|boolean)[], gte?: number|string, lte?: number|string}} Wanted Of a field: one of these
 *   values, or a range.
 */
/**
 * @typedef {object} State
 * @property {?string} collection Null: the first one.
 * @property {?string} item       The item to search by, or null.
 * @property {?string} photo      The photo to search by, or null.
 * @property {?string} q          Words, beside these or instead.
 * @property {?string} box        The part of the photo to look at: x,y,w,h as shares of its sides.
 * @property {string[]} labels    Paths to narrow to, any of them; none for everything.
 * @property {Record<string, Wanted>} where Attributes to narrow to.
 * @property {boolean} grouped    One result a product.
 * @property {boolean} fold       The same picture once.
 * @property {boolean} turned     Whether the photo may lie on its side.
 * @property {number} variety     How different results shall be from each other, 0 to 1.
 * @property {?string} sort       A field with numbers, behind "-" for the other way round; null for the closest first.
 * @property {string[]} like      Items that show what is wanted,
 * @property {string[]} unlike    and what is not.
 * @property {string[]} compare   Items side by side in a dialog.
 * @property {?string} open       The item that is open in a dialog.
 */

/** @type {Readonly<State>} */
export const START = Object.freeze({
  collection: null,
  item: null,
  photo: null,
  q: null,
  box: null,
  labels: [],
  where: {},
  grouped: true,
  fold: false,
  turned: false,
  variety: 0,
  sort: null,
  like: [],
  unlike: [],
  compare: [],
  open: null,
});

/** Another subject: what belonged to the one before. */
export const ANEW = Object.freeze({
  item: null,
  photo: null,
  q: null,
  box: null,
  like: [],
  unlike: [],
  compare: [],
  open: null,
});
export const NO_FILTERS = Object.freeze({ labels: [], where: {} });

const DATE = /^\d{4}-\d\d-\d\d$/;
const MOST = 20; // of values in an address that are looked at
const TEXTS = /** @type {const} */ (["collection", "item", "photo", "q", "box", "sort"]);
const LISTS = /** @type {const} */ ({ label: "labels", like: "like", unlike: "unlike", compare: "compare" });

/** @param {string} path @param {URLSearchParams} query @returns {State} */
export function parse(path, query) {
  const opened = /^\/item\/([^/]+)$/.exec(path);
  const state = { ...START, where: whereOf(query.get("where")) };
  for (const name of TEXTS) state[name] = query.get(name) || null;
  for (const [name, field] of Object.entries(LISTS)) state[field] = query.getAll(name).slice(0, MOST);
  state.grouped = query.get("group") !== "off";
  state.fold = query.get("fold") === "on";
  state.turned = query.get("turns") === "any";
  state.variety = Math.min(1, Math.max(0, Number(query.get("variety")) || 0));
  if (state.item) state.photo = null;
  if (!state.photo || !/^[\d.]+(,[\d.]+){3}$/.test(state.box ?? "")) state.box = null;
  if (!opened || !query.get("id")) return state;
  return { ...state, collection: decodeURIComponent(opened[1]), open: query.get("id") };
}

/**
 * The address of a state; what equals the start is left out.
 * @param {State} state
 * @param {string} collection The name of its collection.
 */
export function toUrl(state, collection) {
  const query = new URLSearchParams();
  if (state.open) query.set("id", state.open);
  for (const name of TEXTS) {
    if (state[name] && !(name === "collection" && state.open)) query.set(name, String(state[name]));
  }
  for (const [name, field] of Object.entries(LISTS)) state[field].forEach((each) => query.append(name, each));
  if (Object.keys(state.where).length) query.set("where", JSON.stringify(state.where));
  if (!state.grouped) query.set("group", "off");
  if (state.fold) query.set("fold", "on");
  if (state.turned) query.set("turns", "any");
  if (state.variety) query.set("variety", String(state.variety));
  const path = state.open ? `/item/${encodeURIComponent(collection)}` : "/";
  return query.size ? `${path}?${query}` : path;
}

/** Whether a picture is asked with, and not words alone. @param {State} state */
export const hasPicture = (state) => Boolean(state.item || state.photo || state.like.length);

/** Whether anything is asked for. @param {State} state */
export const hasSubject = (state) => hasPicture(state) || Boolean(state.q);

/** What is searched by, whatever narrows or orders the results. @param {State} state */
export const subjectKey = ({ collection, item, photo, box, turned, q }) =>
  JSON.stringify([collection, item, photo, box, Boolean(photo) && turned, item || photo ? null : q]);

/** What decides which results there are. @param {State} state */
export const resultsKey = ({ compare, open, ...rest }) => JSON.stringify(rest);

/**
 * The filter of the API; undefined for everything.
 * @param {State} state @param {string} [leftOut] A field, or "label", that does not count.
 */
export function filterOf({ labels, where }, leftOut) {
  const parts = Object.entries(where)
    .filter(([field]) => field !== leftOut)
    .flatMap(([field, wanted]) => conditions(field, wanted));
  if (labels.length && leftOut !== "label") {
    const any = labels.map((path) => ({ field: "label", under: path }));
    parts.unshift(any.length > 1 ? { any } : any[0]);
  }
  return parts.length > 1 ? { all: parts } : parts[0];
}

/** A condition has one operator. @param {string} field @param {Wanted} wanted @returns {object[]} */
function conditions(field, { any, ...range }) {
  if (any) return [any.length > 1 ? { field, in: any } : { field, eq: any[0] }];
  return Object.entries(range).map(([operator, value]) => ({ field, [operator]: value }));
}

/**
 * What to change, decided when it happens: a reader may click twice before the page is drawn anew.
 * @typedef {(state: State) => Partial<State>} Change
 */
/** @typedef {(change: Change|Partial<State>) => void} Go Bring the view to another state. */
/** @typedef {{field: string, value?: string|number|boolean, text: string, without: Change}} Chosen */

/**
 * What is narrowed to, one by one, each with the change that lets it go.
 * @param {State} state
 * @returns {Chosen[]}
 */
export function chosenOf(state) {
  const labels = state.labels.map((value) => ({
    field: "label",
    value,
    text: value,
    without: withLabel(value, false),
  }));
  const rest = Object.entries(state.where).flatMap(([field, wanted]) => {
    if (!wanted.any)
      return [{ field, text: rangeText(wanted), without: withRange(field, null) }];
    return wanted.any.map((value) => ({
      field,
      value,
      text: String(value),
      without: withValue(field, value, false),
    }));
  });
  return [...labels, ...rest];
}

/** @param {Wanted} wanted */
function rangeText({ gte, lte }) {
  if (gte === undefined) return t("filter.range_to", { high: lte ?? "" });
  return lte === undefined ? t("filter.range_from", { low: gte }) : t("filter.range", { low: gte, high: lte });
}

/** Narrow to a label, or no longer. @param {string} path @param {boolean} isWanted @returns {Change} */
export const withLabel = (path, isWanted) => (state) => ({ labels: listed(state.labels, path, isWanted) });

/**
 * Narrow to a value of a field, or no longer.
 * @param {string} field @param {string|number|boolean} value @param {boolean} isWanted
 * @returns {Change}
 */
export const withValue = (field, value, isWanted) => (state) => {
  const any = listed(state.where[field]?.any ?? [], value, isWanted);
  return { where: withField(state, field, any.length ? { any } : null) };
};

/** Narrow a field to a range, or no longer. @param {string} field @param {?Wanted} wanted @returns {Change} */
export const withRange = (field, wanted) => (state) => ({ where: withField(state, field, wanted) });

/** @template T @param {T[]} list @param {T} value @param {boolean} isWanted */
function listed(list, value, isWanted) {
  const others = list.filter((each) => each !== value);
  return isWanted ? [...others, value] : others;
}

/** `where` with another wish for a field, or none. @param {State} state @param {string} field @param {?Wanted} wanted */
function withField({ where }, field, wanted) {
  const { [field]: _, ...others } = where;
  return wanted ? { ...others, [field]: wanted } : others;
}

/**
 * What an address says; anything else than wishes is left out.
 * @param {?string} text
 * @returns {Record<string, Wanted>}
 */
function whereOf(text) {
  let found;
  try {
    found = JSON.parse(text ?? "{}");
  } catch {
    return {};
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) return {};
  const wishes = Object.entries(found)
    .slice(0, MOST)
    .map(([field, wanted]) => [field, wishOf(wanted)]);
  return Object.fromEntries(wishes.filter(([field, wanted]) => field && wanted));
}

/** @returns {?Wanted} */
function wishOf(wanted) {
  if (Array.isArray(wanted?.any)) {
    const any = wanted.any
      .filter((each) => ["string", "number", "boolean"].includes(typeof each))
      .slice(0, MOST);
    return any.length ? { any } : null;
  }
  const range = Object.entries(wanted ?? {}).filter(
    ([name, value]) =>
      (name === "gte" || name === "lte") && (Number.isFinite(value) || DATE.test(String(value))),
  );
  return range.length ? Object.fromEntries(range) : null;
}
