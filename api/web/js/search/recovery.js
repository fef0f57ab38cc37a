/* After a problem: what is shown, what a reader can do about it, and that it is tried again when it has passed. */

import { askForKey } from "../access.js";
import { fileSize } from "../format.js";
import { t } from "../language.js";
import { problemNotice, waitingNotice } from "../notices.js";
import { Problem } from "../search_client.js";
import { passed } from "../waiting.js";
import { wordsOf } from "../words.js";

/** @typedef {import("../photos/library.js").Photo} Photo */
/**
 * @typedef {object} Remedies What the view can do about a problem.
 * @property {?(() => void)} choose Another photo; null where none was searched with.
 * @property {() => void} again
 * @property {() => void} search  Without filters and likes.
 * @property {() => void} start
 */
/**
 * @typedef {object} Around What is known of the view by then.
 * @property {HTMLElement} notice Where problems are shown.
 * @property {AbortSignal} signal
 * @property {() => boolean} isOver Whether the page is elsewhere, and nobody waits any more.
 * @property {() => {remedies: Remedies, photo: ?Photo}} about
 * @property {(problem: Problem) => void} [tell] Told of each problem.
 * @property {FocusOptions} [how]
 */

/**
 * Do something; again when what is in the way has passed.
 * @param {() => Promise<unknown>} work @param {Around} around
 */
export async function persist(work, { notice, signal, isOver, about, tell, how }) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (isOver()) return undefined; // superseded: its answer no longer matters
      if (!(error instanceof Problem)) throw error;
      tell?.(error);
      const { remedies, photo } = about();
      const box = recovery(error, choiceFor(error, remedies), photo);
      notice.replaceChildren(box);
      box.focus(how);
      if (!(await passed(error, box, signal))) return undefined;
      box.remove();
      if (isOver()) return undefined;
    }
  }
}

/** @param {Problem} problem @param {Remedies} remedies @returns {?import("../notices.js").Choice} */
function choiceFor(problem, { choose, again, search, start }) {
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

/** A notice of a problem, which is waited for. @param {Problem} problem @param {?import("../notices.js").Choice} choice @param {?Photo} photo */
function recovery(problem, choice, photo) {
  if (problem.isNotReady) return waitingNotice(problem);
  const about = problem.code === "body_too_large" && photo ? t("problem.bytes", { size: fileSize(photo.bytes) }) : "";
  return problemNotice(problem, choice, { about, waits: true });
}
