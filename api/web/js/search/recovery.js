/* After a problem: what is shown, and whether it passes by itself. */

import { askForKey } from "../access.js";
import { fileSize } from "../format.js";
import { t } from "../language.js";
import { countdown, problemNotice, waitingNotice } from "../notices.js";
import { untilReady } from "../server.js";
import { wordsOf } from "../words.js";

const BUSY_S = 2; // where a busy server does not say when to come back

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
 * A notice, and how to wait until it is worth another attempt.
 * @param {import("../search_client.js").Problem} problem
 * @param {?import("../notices.js").Choice} choice
 * @param {?import("../photos/library.js").Photo} photo
 * @param {AbortSignal} signal
 * @returns {{box: HTMLElement, wait: () => Promise<boolean>}} `wait` says whether to try again.
 */
export function recovery(problem, choice, photo, signal) {
  const ready = () =>
    untilReady(signal).then(
      () => true,
      () => false,
    );
  if (problem.isNotReady) return { box: waitingNotice(problem), wait: ready };
  const about = problem.code === "body_too_large" && photo ? t("problem.bytes", { size: fileSize(photo.bytes) }) : "";
  const box = problemNotice(problem, choice, about);
  if (problem.code === "network") return { box, wait: ready };
  if (problem.status !== 429 && problem.status !== 503) return { box, wait: async () => false };
  const button = box.querySelector("button");
  const tell = (left) => button && (button.textContent = t("problem.countdown", { seconds: left }));
  const wait = async () => {
    await countdown(problem.retryAfterS || BUSY_S, signal, tell);
    return !signal.aborted;
  };
  return { box, wait };
}
