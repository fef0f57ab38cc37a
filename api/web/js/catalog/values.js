/* Values of attributes as text to be edited, and back to what they were. */

import { language, t } from "../language.js";

const SIGN = (0.5).toLocaleString(language)[1]; // of decimals; a point is one in any language, as values are written
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** @param {*} value */
export function written(value) {
  if (Array.isArray(value) && value.every((each) => typeof each === "string" && !each.includes(",")))
    return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The value that a text means where another item has `example`.
 * @param {string} text @param {*} example Undefined where nothing is known: it stays a text.
 * @param {string} name Of the attribute, for the message.
 * @throws {TypeError} The text is no such value.
 */
export function readLike(text, example, name) {
  const trimmed = text.trim();
  if (typeof example === "number") {
    const plain = trimmed.replace(SIGN, ".");
    const value = Number(plain);
    if (!DECIMAL.test(plain) || !Number.isFinite(value))
      throw new TypeError(t("edit.a_number", { name, example }));
    return value;
  }
  if (typeof example === "boolean") {
    if (/^(true|yes)$/i.test(trimmed)) return true;
    if (/^(false|no)$/i.test(trimmed)) return false;
    throw new TypeError(t("edit.a_boolean", { name }));
  }
  if (Array.isArray(example) && !trimmed.startsWith("["))
    return trimmed
      .split(",")
      .map((each) => each.trim())
      .filter(Boolean);
  if (example !== null && typeof example === "object") {
    try {
      return JSON.parse(trimmed);
    } catch {
      throw new TypeError(t("edit.json", { name, example: JSON.stringify(example) }));
    }
  }
  return text;
}
