/* A box where something is not there: what it is, and what a reader can do about it. */

import { button, el } from "./dom.js";

/** @typedef {{label: string, act: () => void}} Choice What a reader can do about it. */

/**
 * @param {string} kind A class. @param {Record<string, unknown>} attributes
 * @param {string} title @param {string} text @param {?Choice} choice @param {...Node} more
 */
export const notice = (kind, attributes, title, text, choice, ...more) =>
  el(
    "div",
    { class: `notice ${kind}`, tabindex: -1, ...attributes },
    el("h2", {}, title),
    text && el("p", {}, text),
    choice && button({ click: choice.act }, choice.label),
    ...more,
  );

/** @param {string} title @param {string} text @param {string} label @param {() => void} act */
export const failure = (title, text, label, act) =>
  notice("notice-error", { role: "alert" }, title, text, { label, act });
