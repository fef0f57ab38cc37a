/* Problems that pass by themselves, and how long to wait for that. */

import { t } from "./language.js";
import { untilReady } from "./server.js";

const BUSY_S = 2; // where a busy server does not say when to come back

/** Whether it passes without anybody's doing. @param {import("./search_client.js").Problem} problem */
export const passes = ({ code, status }) => code === "network" || status === 429 || status === 503;

/**
 * Wait until a problem may have passed; a button of its notice counts the seconds.
 * @param {import("./search_client.js").Problem} problem @param {HTMLElement} box Its notice. @param {AbortSignal} signal
 * @returns {Promise<boolean>} Whether to try again: not where that is of no use, or nobody waits any more.
 */
export async function passed(problem, box, signal) {
  if (problem.isNotReady || problem.code === "network")
    return untilReady(signal).then(
      () => true,
      () => false,
    );
  if (!passes(problem)) return false;
  const button = box.querySelector("button");
  for (let seconds = Math.ceil(problem.retryAfterS || BUSY_S); seconds > 0 && !signal.aborted; seconds -= 1) {
    if (button) button.textContent = t("problem.countdown", { seconds });
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return !signal.aborted;
}
