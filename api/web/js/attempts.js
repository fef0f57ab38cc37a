/* Showing a place of an owner's view, and changing something there: what goes wrong is said in a
   notice, and what passes by itself is waited for. */

import { access, askForKey, mayWrite } from "./access.js";
import { Problem } from "./client.js";
import { t } from "./language.js";
import { problemNotice, waitingNotice } from "./notices.js";
import { server } from "./owner_server.js";
import { passed, passes } from "./waiting.js";
import { wordsOf } from "./words.js";

/** @typedef {{root: HTMLElement, notice: HTMLElement, body: HTMLElement, refresh: () => void, start: import("./notices.js").Choice}} Place */

export class Attempts {
  #place;
  #running = new AbortController();

  /** @param {Place} place `start` is where to go from an address that leads nowhere. */
  constructor(place) {
    this.#place = place;
    access.addEventListener("change", () => place.root.isConnected && place.refresh());
  }

  /**
   * Show something, in place of what was being shown; again when the server is back.
   * @param {(signal: AbortSignal) => Promise<unknown>} work
   */
  async show(work) {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    for (;;) {
      try {
        await mustWrite(signal);
        return await work(signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!(error instanceof Problem)) throw error;
        if (!(await this.#wait(error, signal))) return undefined;
        this.#place.notice.replaceChildren();
      }
    }
  }

  /** Do something; undefined where it failed. @template T @param {() => Promise<T>} work @returns {Promise<T|undefined>} */
  async act(work) {
    const { notice } = this.#place;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem)) {
        if (/** @type {Error} */ (error).name === "AbortError") return undefined; // nobody waits for it
        throw error;
      }
      const shown = problemNotice(error, { label: t("shell.close"), act: () => notice.replaceChildren() });
      notice.replaceChildren(shown);
      shown.focus();
      return undefined;
    }
  }

  /** @param {Problem} problem @param {AbortSignal} signal @returns {Promise<boolean>} Whether to try again. */
  async #wait(problem, signal) {
    const { notice, body, refresh, start } = this.#place;
    const [, , action] = wordsOf(problem);
    const choices = {
      key: { label: t("problem.key"), act: async () => (await askForKey()) && location.reload() },
      again: { label: t("problem.again"), act: refresh },
      start,
    };
    const shown = problem.isNotReady
      ? waitingNotice(problem)
      : problemNotice(problem, choices[action] ?? null, { waits: true });
    if (!passes(problem)) body.replaceChildren();
    notice.replaceChildren(shown);
    shown.focus({ preventScroll: true });
    return passed(problem, shown, signal);
  }
}

/** @param {AbortSignal} signal @throws {Problem} Nothing may be changed here. */
async function mustWrite(signal) {
  const allowed = access.value ?? (await server.getAccess({ signal }));
  if (!mayWrite(allowed))
    throw new Problem({ title: "", code: allowed.read_only ? "read_only" : "forbidden", status: 403 });
}
