/* What is shown where something is not there: a problem, waiting, nothing found. */

import { el } from "./dom.js";
import { t, textOf } from "./language.js";
import { notice } from "./notice.js";
import { wordsOf } from "./words.js";

export { failure } from "./notice.js";

/** @typedef {import("./search_client.js").Problem} Problem */
/** @typedef {import("./notice.js").Choice} Choice */

/**
 * A problem in words a stranger understands; the server's own ones are under "Details".
 * @param {Problem} problem @param {?Choice} choice
 * @param {{about?: string, waits?: boolean}} [more] `about` is what to know of the photo, say.
 */
export function problemNotice(problem, choice, { about = "", waits = false } = {}) {
  const [title, text] = waits ? awaited(problem) : wordsOf(problem);
  return notice(
    "notice-error",
    { role: "alert" },
    title,
    about ? `${about} ${text}` : text,
    choice,
    details(problem),
  );
}

/** The server is not there yet; nothing is to be done. @param {Problem} problem */
export function waitingNotice(problem) {
  const [title, text] = awaited(problem);
  return notice(
    "notice-waiting",
    { role: "status", "aria-label": t("problem.starting") },
    title,
    text,
    null,
    details(problem),
  );
}

/** Of a problem after which the page goes on by itself where it can. @param {Problem} problem */
function awaited(problem) {
  const [title, text] = wordsOf(problem);
  return [title, textOf(`problem.${problem.code}.goes_on`, text)];
}

/** @param {string} title @param {string} text @param {...Node} more */
export const nothingNotice = (title, text, ...more) => notice("", {}, title, text, null, ...more);

/** @param {Problem} problem */
function details({ status, code, detail, requestId }) {
  const facts = [
    detail,
    code && `${code}${status ? ` (${status})` : ""}`,
    requestId && t("problem.request", { id: requestId }),
  ];
  return el(
    "details",
    { class: "notice-details" },
    el("summary", {}, t("problem.details")),
    ...facts.filter(Boolean).map((fact) => el("p", {}, fact)),
  );
}
