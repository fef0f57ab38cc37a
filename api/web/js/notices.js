/* What is shown where something is not there: a problem, waiting, nothing found. */

import { button, el } from "./dom.js";
import { wordsOf } from "./words.js";

/** @typedef {import("./client.js").Problem} Problem */
/** @typedef {{label: string, act: () => void}} Choice What a reader can do about it. */

/**
 * A problem in words a stranger understands; the server's own ones are under "Details".
 * @param {Problem} problem @param {?Choice} choice @param {string} [about] What to know of the photo, say.
 */
export function problemNotice(problem, choice, about = "") {
  const [title, text] = wordsOf(problem);
  return notice(
    "notice-error",
    { role: "alert" },
    title,
    about ? `${about} ${text}` : text,
    choice,
    details(problem),
  );
}

/** @param {string} title @param {string} text @param {string} label @param {() => void} act */
export const failure = (title, text, label, act) =>
  notice("notice-error", { role: "alert" }, title, text, { label, act });

/** The server is not there yet; nothing is to be done. @param {Problem} problem */
export function waitingNotice(problem) {
  const [title, text] = wordsOf(problem);
  return notice(
    "notice-waiting",
    { role: "status", "aria-label": "Starting" },
    title,
    text,
    null,
    details(problem),
  );
}

/** @param {string} title @param {string} text @param {...Node} more */
export const nothingNotice = (title, text, ...more) => notice("", {}, title, text, null, ...more);

/** @param {Problem} problem */
function details({ status, code, detail, requestId }) {
  const facts = [
    detail,
    code && `${code}${status ? ` (${status})` : ""}`,
    requestId && `request ${requestId}`,
  ];
  return el(
    "details",
    { class: "notice-details" },
    el("summary", {}, "Details"),
    ...facts.filter(Boolean).map((fact) => el("p", {}, fact)),
  );
}

function notice(kind, attributes, title, text, choice, ...more) {
  return el(
    "div",
    { class: `notice ${kind}`, tabindex: -1, ...attributes },
    el("h2", {}, title),
    text && el("p", {}, text),
    choice && button({ click: choice.act }, choice.label),
    ...more,
  );
}

/**
 * Count down the seconds until a busy server may be asked again.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @param {(left: number) => void} tell
 */
export async function countdown(seconds, signal, tell) {
  for (let left = Math.ceil(seconds); left > 0 && !signal.aborted; left -= 1) {
    tell(left);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
