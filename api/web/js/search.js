/* One search at a time: which requests a state needs, and their joint outcome.

   The class belongs to the query (the photo or the item), never to the filter nor to
   how many results are shown: as many neighbours vote as the catalog was calibrated for.
   It is asked for once per query and kept while the results narrow. */

import { Recent } from "./recent.js";
import { server } from "./server.js";
import { filterOf } from "./state.js";

const KEPT = 24;

/**
 * @typedef {object} Outcome
 * @property {object} answer     Neighbours, timings, warnings: the grid.
 * @property {object} prediction Label, confidence, votes: the class.
 * @property {?object} item      The item searched by, when there is one.
 */

export class Searcher {
  #running = new AbortController();
  #outcomes = new Recent(KEPT);
  #predictions = new Recent(KEPT);
  #items = new Recent(KEPT);
  #tokens = new Recent(KEPT);

  /** Stop what is running and hand out the signal of what comes next. */
  supersede() {
    this.#running.abort();
    this.#running = new AbortController();
    return this.#running.signal;
  }

  /**
   * Search; a later `supersede()` makes this reject with an AbortError, even when the answer is here.
   * @param {string} collection
   * @param {import("./state.js").State} state
   * @param {?File} photo
   * @param {{signal: AbortSignal, reuse: boolean}} options `reuse` accepts an outcome seen before.
   * @returns {Promise<Outcome>}
   */
  async run(collection, state, photo, { signal, reuse }) {
    const query = queryKey(collection, state);
    const key = JSON.stringify([query, state.label, state.only, state.k]);
    const known = reuse && this.#outcomes.get(key);
    const outcome = known || (await this.#ask(collection, state, photo, query, signal));
    signal.throwIfAborted();
    return this.#outcomes.set(key, outcome);
  }

  async #ask(collection, state, photo, query, signal) {
    const options = { collection, signal, k: state.k, filter: filterOf(state) };
    const known = this.#predictions.get(query);
    if (state.item) {
      const [item, answer, prediction] = await Promise.all([
        this.#items.get(query) ?? server.getItem(state.item, { collection, signal }),
        server.similar(state.item, options),
        known ?? server.classify({ item_id: state.item }, { collection, signal }),
      ]);
      this.#items.set(query, item);
      return { item, answer, prediction: this.#predictions.set(query, prediction) };
    }
    const subject = { image: photo, query_token: this.#tokens.get(query) };
    const answer = await server.search(subject, options);
    subject.query_token = this.#tokens.set(query, answer.query_token);
    const prediction = known ?? (await server.classify(subject, { collection, signal }));
    return { item: null, answer, prediction: this.#predictions.set(query, prediction) };
  }
}

/** What is searched by, whatever the filter. */
export function queryKey(collection, state) {
  return JSON.stringify([collection, state.item ?? state.photo]);
}
