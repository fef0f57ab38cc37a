/* The words of the page in the reader's language: those of the shell from the start, those of a view
   with the view. The server says which language it is (`lang` of the page). */

/**
 * @typedef {keyof typeof import("../words/en.json") | keyof typeof import("../words/en.problems.json")
 *   | keyof typeof import("../words/en.search.json") | keyof typeof import("../words/en.catalog.json")
 *   | keyof typeof import("../words/en.review.json") | keyof typeof import("../words/en.classify.json")
 *   | keyof typeof import("../words/en.quality.json")} Word
 */
/** @typedef {Record<string, string|number>} Values */

const RESTS_MS = 1000;

export const language = document.documentElement.lang;

/** @type {Record<string, string | Record<string, string>>} */
const words = {};
const plural = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language);

/** Words of parts of the page; asked for until they came. @param {...string} parts */
export const loadWords = (...parts) => Promise.all(parts.map((part) => (loading[part] ??= load(`.${part}`))));
/** @type {Record<string, ?Promise<void>>} */
const loading = {};

/** @param {string} part */
async function load(part) {
  try {
    const response = await fetch(`/static/words/${language}${part}.json`);
    if (!response.ok) throw new Error(`${response.status} of words`);
    Object.assign(words, await response.json());
  } catch (error) {
    loading[part.slice(1)] = null;
    throw error;
  }
}

// without these nothing can be said, not even that they are missing
while (!(await load("").then(() => true, () => false))) await new Promise((resolve) => setTimeout(resolve, RESTS_MS));

/** A number as the reader writes it. @param {number} value */
export const number = (value) => whole.format(value);

/**
 * A text of the page. `{name}` in it is filled in; where it has forms for numbers, `count` decides.
 * @param {Word} key @param {Values} [values]
 */
export function t(key, values = {}) {
  const found = words[key] ?? key;
  const text = typeof found === "string" ? found : (found[plural.select(Number(values.count))] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : values[name],
  );
}

/** A text whose key is put together; the fallback where there is none. @param {string} key @param {string} fallback @param {Values} [values] */
export const textOf = (key, fallback, values) => (key in words ? t(/** @type {Word} */ (key), values) : fallback);
