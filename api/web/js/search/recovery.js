/* After a problem: what is shown, and whether it passes by itself. */

import { askForKey } from "../access.js";
import { fileSize } from "../format.js";
import { t } from "../language.js";
import { problemNotice, waitingNotice } from "../notices.js";
import { wordsOf } from "../words.js";

/**
 * @typedef {object} Remedies What the view can do about a problem.
 * @property {?(() => void)} choose Another photo; null where none was searched with.
 * @property {() => void} again
 * @property {() => void} search  Without filters and likes.
 * @property {() => void} start
 */

/**
 * What a reader can do about a problem.
 * @param {import("../search_client.js").Problem} problem @param {Remedies} remedies
 * @returns {?import("../notices.js").Choice}
 */
export function choiceFor(problem, { choose, again, search, start }) {
  const repeat = { label: t("problem.again"), act: again };
  const choices = {
    photo: choose ? { label: t("recovery.photo"), act: choose } : repeat,
    again: repeat,
    search: { label: t("recovery.without"), act: search },
    start: { label: t("problem.start"), act: start },
    key: { label: t("problem.key"), act: async () => (await askForKey()) && location.reload() },
  };
  const [, , action] = wordsOf(problem);
  return choices[action] ?? null;
}

/**
 * A notice of a problem, which is waited for.
 * @param {import("../search_client.js").Problem} problem
 * @param {?import("../notices.js").Choice} choice
 * @param {?import("../photos/library.js").Photo} photo
 */
export function recovery(problem, choice, photo) {
  if (problem.isNotReady) return waitingNotice(problem);
  const about = problem.code === "body_too_large" && photo ? t("problem.bytes", { size: fileSize(photo.bytes) }) : "";
  return problemNotice(problem, choice, { about, waits: true });
}
