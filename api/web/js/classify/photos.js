/* The photos that are classified: some at a time, with what came of each. */

import { Problem, sleep } from "../client.js";
import { shrink } from "../photos/shrink.js";
import { persistent, untilReady } from "../owner_server.js";

const AT_ONCE = 3;
const THUMB_PX = 112;
const OF_THE_PHOTO = new Set([400, 413, 415, 422]);
const PASSES = new Set(["network", "not_ready", "overloaded", "rate_limited", "storage_busy", "lock_held"]);

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {File} file
 * @property {?Blob} blob Made smaller; null until it was sent.
 * @property {HTMLCanvasElement} thumb
 * @property {"waiting"|"sending"|"done"|"refused"|"failed"} state `refused` is for good.
 * @property {?Problem} problem
 * @property {?import("../client.js").Prediction} answer
 * @property {?string} given The class that the reader gave.
 * @property {boolean} kept  Whether it is an item of the collection.
 * @property {string} [id]   The item that it becomes.
 */

/** Tells by `row` events with a row, and `state` events, of what changes. */
export class Photos extends EventTarget {
  /** @type {Row[]} */
  rows = [];
  /** @type {""|"running"|"network"|"busy"} */
  state = "";
  /** @type {(blob: Blob, signal: AbortSignal) => Promise<import("../client.js").Prediction>} */
  #ask = () => Promise.reject(new Error("nothing is asked yet"));
  #running = new AbortController();
  #pausing = /** @type {?Promise<unknown>} */ (null);

  get done() {
    return this.rows.filter(({ state }) => state !== "waiting" && state !== "sending").length;
  }

  get failed() {
    return this.rows.filter(({ state }) => state === "failed");
  }

  /** @param {import("../catalog/chosen_files.js").Chosen[]} chosen */
  add(chosen) {
    for (const { name, file } of chosen) {
      const thumb = document.createElement("canvas");
      thumb.width = thumb.height = THUMB_PX;
      this.rows.push({
        name, file, blob: null, thumb, state: "waiting", problem: null, answer: null, given: null, kept: false,
      });
    }
  }

  /** Ask all again, by another collection or other classes. */
  forgetAnswers() {
    for (const row of this.rows)
      if (row.state !== "refused") Object.assign(row, { state: "waiting", answer: null, problem: null, kept: false });
  }

  /** Send what waits. @param {(blob: Blob, signal: AbortSignal) => Promise<*>} ask */
  async run(ask) {
    this.stop();
    this.#ask = ask;
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#tell("running");
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work(signal)));
    if (!signal.aborted) this.#tell("");
  }

  stop() {
    this.#running.abort();
    for (const row of this.rows) if (row.state === "sending") row.state = "waiting";
    this.#tell("");
  }

  retry() {
    for (const row of this.failed) row.state = "waiting";
  }

  /** @param {Row} row */
  remove(row) {
    this.rows = this.rows.filter((each) => each !== row);
  }

  clear() {
    this.stop();
    this.rows = [];
  }

  /** @param {Row} row @param {Partial<Row>} changes */
  change(row, changes) {
    Object.assign(row, changes);
    this.dispatchEvent(new CustomEvent("row", { detail: row }));
  }

  #tell(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** @param {AbortSignal} signal */
  async #work(signal) {
    for (;;) {
      await this.#pausing;
      const row = this.rows.find(({ state }) => state === "waiting");
      if (!row || signal.aborted) return;
      this.change(row, { state: "sending" });
      await this.#classify(row, signal);
    }
  }

  /** @param {Row} row @param {AbortSignal} signal */
  async #classify(row, signal) {
    try {
      row.blob ??= await shrink(row.file);
      drawThumb(row);
      const answer = await this.#ask(row.blob, signal);
      if (!signal.aborted) this.change(row, { state: "done", answer, problem: null });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      if (PASSES.has(error.code)) {
        this.change(row, { state: "waiting" });
        await this.#pause(error, signal);
      } else {
        const isFinal = OF_THE_PHOTO.has(error.status) && error.code !== "bad_parameter"; // that is of the classes
        this.change(row, { state: isFinal ? "refused" : "failed", problem: error });
      }
    }
  }

  /** Wait until the server answers again, once for all. @param {Problem} problem @param {AbortSignal} signal */
  async #pause(problem, signal) {
    this.#tell(problem.status ? "busy" : "network");
    this.#pausing ??= sleep(problem.retryAfterS * 1000, signal)
      .then(() => untilReady(signal))
      .catch(() => {})
      .finally(() => {
        this.#pausing = null;
        if (!signal.aborted) this.#tell("running");
      });
    await this.#pausing;
  }
}

/** A photo becomes an item. @param {Row} row @param {string} id @param {string} collection */
export const keepPhoto = (row, id, collection) =>
  persistent.putItem(id, /** @type {Blob} */ (row.blob), { collection, label: row.given });

/** @param {Row} row */
async function drawThumb({ blob, thumb }) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(/** @type {Blob} */ (blob));
  } catch {
    return; // the server says what is wrong with it
  }
  const scale = THUMB_PX / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = thumb.getContext("2d");
  if (context) context.imageSmoothingQuality = "high";
  context?.drawImage(bitmap, (THUMB_PX - width) / 2, (THUMB_PX - height) / 2, width, height);
  bitmap.close();
}
