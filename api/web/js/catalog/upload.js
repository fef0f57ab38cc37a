/* Files on their way to the server: some at a time, the rest goes on where one is refused. */

import { Problem } from "../client.js";
import { persistent, uploads } from "../owner_server.js";
import { kindOf } from "./chosen_files.js";

const AT_ONCE = 3;
const OF_A_FILE = new Set([400, 413, 415, 422]);

/** @typedef {import("./chosen_files.js").Chosen} Chosen */
/** @typedef {{name: string, problem: Problem}} Unsent */

export class Upload {
  /** @type {?string} */
  id = null;
  /** @type {Unsent[]} Files that the server does not take. */
  unsent = [];
  #collection;
  /** @type {Chosen[]} */
  #waiting;
  #total;
  #sent = 0;
  /** @type {Map<Blob, number>} Bytes of files on their way. */
  #moving = new Map();

  /** @param {string} collection @param {Chosen[]} files */
  constructor(collection, files) {
    this.#collection = collection;
    this.#waiting = [...files];
    this.#total = sum(files);
    this.count = files.length;
    /** The table or archive of it, whose name stands for it next time; none for pictures alone. */
    this.lead = files.find(({ name }) => kindOf(name) !== "picture")?.name;
  }

  get left() {
    return this.#waiting.length;
  }

  /**
   * Send what is not sent yet; after an error it can be called again.
   * @param {(share: number) => void} tell @param {AbortSignal} signal
   * @throws {Problem} The connection is gone, or the server takes nothing more.
   */
  async send(tell, signal) {
    const far = () =>
      tell(
        (this.#sent + [...this.#moving.values()].reduce((total, each) => total + each, 0)) /
          (this.#total || 1),
      );
    const watch = ({ detail: { file, share } }) => {
      if (!this.#moving.has(file)) return;
      this.#moving.set(file, share * file.size);
      far();
    };
    uploads.addEventListener("file", /** @type {any} */ (watch));
    try {
      this.id ??= (await persistent.createUpload({ collection: this.#collection, signal })).id;
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.#sendSome(far, signal)));
    } finally {
      uploads.removeEventListener("file", /** @type {any} */ (watch));
    }
  }

  async #sendSome(far, signal) {
    for (let chosen = this.#waiting.pop(); chosen; chosen = this.#waiting.pop()) {
      const { name, file } = chosen;
      this.#moving.set(file, 0);
      try {
        await persistent.putUploadFile(/** @type {string} */ (this.id), name, file, {
          collection: this.#collection,
          signal,
        });
      } catch (error) {
        if (
          !(error instanceof Problem) ||
          !OF_A_FILE.has(error.status) ||
          error.code === "upload_too_large"
        ) {
          this.#waiting.push(chosen);
          throw error;
        }
        this.unsent.push({ name, problem: error });
      } finally {
        this.#moving.delete(file);
      }
      this.#sent += file.size;
      far();
    }
  }

  /** Take back what was sent. */
  async discard() {
    if (this.id) await persistent.deleteUpload(this.id, { collection: this.#collection }).catch(() => {}); // it expires
  }
}

/** @param {Chosen[]} files */
const sum = (files) => files.reduce((total, { file }) => total + file.size, 0);
