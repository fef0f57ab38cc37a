/* Values to words. Pure functions; nothing here touches the page. */

import { PICTURE_COLOR } from "./colors.js";
import { language, number, t, textOf } from "./language.js";
import { settings } from "./settings.js";

export { number } from "./language.js";

const LONGEST_TEXT = 200;
const SURENESS = /** @type {const} */ ([
  [0.95, "certain"],
  [0.8, "very"],
  [0.65, "likely"],
  [0.5, "rather"],
  [0, "guess"],
]);
/* As exports of shops call them, without case, spaces and signs. */
const NAMES = ["name", "title", "productname", "producttitle", "displayname", "titel", "nom"];
const LINKS = ["link", "url", "producturl", "href"];
const PRICES = ["price", "variantprice", "regularprice", "preis", "prix", "precio", "prezzo"];
const shares = new Intl.NumberFormat(language, { style: "percent" });
const exactShares = new Intl.NumberFormat(language, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const decimals = [0, 1, 2].map(
  (digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

/** What to call an item: its name or title, else its label, else its id; never the name of a file. */
export function itemName(item) {
  const [, name] = attributeCalled(item, NAMES);
  if (typeof name === "string" && name.trim()) return shorten(name);
  if (item.label) return shorten(lastPart(item.label));
  const id = lastPart(item.item_id);
  if (/\.\w{2,5}$/.test(id)) return t("value.picture");
  return shorten(/^\d+$/.test(id) ? item.item_id.split("/").slice(-2).join("/") : id);
}

/** An address that an item has at its shop, or null; only those that are safe to follow. */
export function itemLink(item) {
  const [, link] = attributeCalled(item, LINKS);
  if (typeof link !== "string" || !URL.canParse(link)) return null;
  return ["http:", "https:"].includes(new URL(link).protocol) ? link : null;
}

const plain = (name) => name.toLowerCase().replace(/[^\p{L}]/gu, "");

/**
 * Whether an attribute tells an item from others, as its name does, so that it is no filter.
 * @param {string} field
 */
export const isOwn = (field) => [...NAMES, ...LINKS].includes(plain(field));

/** The first attribute with one of some names, however a shop writes them: [name, value]. */
function attributeCalled(item, names) {
  const entries = Object.entries(item.attributes ?? {});
  for (const wanted of names) {
    const found = entries.find(([name]) => plain(name) === wanted);
    if (found) return found;
  }
  return [null, undefined];
}

/** The price as text, or null. A currency code beside the price is respected. */
export function itemPrice(item) {
  const [field, price] = attributeCalled(item, PRICES);
  const currency =
    item.attributes?.[`${field}_currency`] ?? item.attributes?.currency ?? settings.currency ?? undefined;
  if (typeof price === "string") return shorten(price, 24) || null;
  if (typeof price !== "number") return null;
  try {
    return new Intl.NumberFormat(language, { style: "currency", currency }).format(price);
  } catch {
    return decimals[2].format(price); // no currency, or none that is known
  }
}

/** The last part of a path: `Home/Kitchen/Mug` -> `Mug`. */
export function lastPart(path) {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

/** Labels by their last parts, whole where these are the same. @param {string[]} labels */
export function shortLabels(labels) {
  const short = labels.map(lastPart);
  return short.map((name, at) => (short.indexOf(name) === short.lastIndexOf(name) ? name : labels[at]));
}

/** Everything above the last part: `Home/Kitchen/Mug` -> `Home/Kitchen`. */
export function parentPath(path) {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** An attribute's name as a caption: `shelf_no` -> `shelf no`. */
export const fieldName = (name) =>
  name === PICTURE_COLOR ? t("field.picture_color") : shorten(name.replaceAll("_", " "), 40);

/** A value of a field as the text of a chip. @param {string} field @param {*} value */
export const fieldValue = (field, value) =>
  field === PICTURE_COLOR
    ? textOf(`color.${value}`, value)
    : shorten(fieldTextOf(value), 40) || t("value.empty");

export function shorten(text, longest = LONGEST_TEXT) {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** A number of things, whose forms are `count.<noun>` of the words. @param {number} count @param {string} noun */
export const count = (count, noun) =>
  t(/** @type {import("./language.js").Word} */ (`count.${noun}`), { count });

/** Whether an attribute stands above the others as a name or price. @param {string} field */
export const isHeading = (field) => [...NAMES, ...PRICES].includes(plain(field));

/** The attributes that are shown, in the order of the owner where there is one. @param {string[]} names */
export const shownFields = (names) =>
  settings.attributes.length ? settings.attributes.filter((name) => names.includes(name)) : names;

/** A value of an attribute as text, whatever JSON it is. */
export function attributeText(value) {
  if (Array.isArray(value)) return shorten(value.map(attributeText).join(", "));
  if (value === null || typeof value === "object") return shorten(JSON.stringify(value));
  return shorten(fieldTextOf(value));
}

const fieldTextOf = (value) => (typeof value === "boolean" ? t(value ? "value.yes" : "value.no") : String(value));

export const score = (value) => decimals[2].format(value);
export const milliseconds = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);

/** A share in whole percent; a small one is never called nothing. */
export function percent(share) {
  return share > 0 && share < 0.005 ? `<${shares.format(0.01)}` : shares.format(share);
}

/** A share to a tenth of a percent. @param {number} share */
export const exactPercent = (share) => exactShares.format(share);

/** A difference of shares in percent, without the sign of it. @param {number} difference */
export const points = (difference) => `${difference >= 0 ? "+" : "−"}${decimals[1].format(Math.abs(difference) * 100)}`;

/** A probability in words; what is not certain is never called so. @param {number} probability */
export const sureness = (probability) =>
  t(`sureness.${(SURENESS.find(([least]) => probability >= least) ?? SURENESS[4])[1]}`);

const since = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** How long ago a moment is. @param {string} moment As RFC 3339 has it. */
export function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  if (seconds > -60) return t("value.now");
  if (seconds > -3600) return since.format(Math.round(seconds / 60), "minute");
  return seconds > -86400 ? since.format(Math.round(seconds / 3600), "hour") : since.format(Math.round(seconds / 86400), "day");
}

export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${number(Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${decimals[1].format(bytes / 1e6)} MB` : `${decimals[1].format(bytes / 1e9)} GB`;
}
