/* One search at a time: which requests a state needs, and their joint outcome.

   The class belongs to the query (the photo or the item), never to the filter nor to
   how many results are shown: as many neighbors vote as the catalog was calibrated for.
   It is asked for once per query and kept while the results narrow. */

import { Recent } from "../recent.js";
import { server } from "../server.js";
import { filterOf, hasPicture, resultsKey, subjectKey } from "./address.js";

/** @typedef {import("../search_client.js").Neighbor} Neighbor */
/** @typedef {import("./address.js").State} State */
/** @typedef {{collection: string, readsTexts: boolean, signal: AbortSignal}} Asking */
/**
 * @typedef {object} Outcome
 * @property {Neighbor[]} neighbors All that were loaded.
 * @property {import("../search_client.js").SearchAnswer & {alike?: ?boolean}} answer The first answer: timings, warnings, encoder.
 * @property {?import("../search_client.js").Prediction} prediction Label, confidence, votes: the class; null where only likes are asked with.
 * @property {?import("../search_client.js").Item} item The item searched by, when there is one.
 * @property {?string} cursor Leads to more; null where there are none.
 */

const KEPT = 24;
const PAGE = 30; // a multiple of 2, 3, 5 and 6 columns
const SORTED = 60; // of these the order is changed: further ones are not much alike

export class Questions {
  #outcomes = new Recent(KEPT);
  #predictions = new Recent(KEPT);
  #items = new Recent(KEPT);
  #tokens = new Recent(KEPT);

  /**
   * @param {State} state @param {?Blob} photo
   * @param {Asking & {reuse: boolean}} asking `reuse` accepts an outcome seen before.
   * @returns {Promise<Outcome>}
   */
  async ask(state, photo, { reuse, ...asking }) {
    const key = resultsKey(state);
    const known = reuse && this.#outcomes.get(key);
    if (known) return known;
    const { collection, signal } = asking;
    const [item, answer] = await Promise.all([
      state.item && this.#item(state.item, { collection, signal }),
      this.#search(state, photo, asking),
    ]);
    const prediction = await this.#prediction(state, photo, asking);
    signal.throwIfAborted();
    const found = hasPicture(state) || asking.readsTexts ? answer.neighbors : answer.neighbors.map(unscored);
    const neighbors = sorted(found, state.sort);
    return this.#outcomes.keep(key, {
      neighbors,
      answer,
      prediction,
      item,
      cursor: answer.next_cursor ?? null,
    });
  }

  /**
   * The next results, which the outcome then has, too.
   * @param {State} state
   * @param {?Blob} photo
   * @param {Outcome} outcome
   * @param {Asking} asking
   */
  async more(state, photo, outcome, asking) {
    const answer = await this.#search(state, photo, asking, outcome.cursor);
    outcome.cursor = answer.next_cursor ?? null;
    outcome.neighbors = [...outcome.neighbors, ...answer.neighbors];
    return answer.neighbors;
  }

  /**
   * Why some items match, with pictures to lay over them; by their ids.
   * @param {State} state @param {?Blob} photo @param {string[]} itemIds
   * @param {{collection: string, signal: AbortSignal}} asking
   * @returns {Promise<Map<string, Neighbor & {explanation?: object}>>}
   */
  async explain(state, photo, itemIds, asking) {
    const filter = { field: "item_id", in: itemIds };
    const subject = photo ? { image: photo } : { item_id: state.item ?? "" };
    const answer = await server.search(subject, {
      ...asking,
      box: boxOf(state),
      filter,
      k: itemIds.length,
      explain: "heatmap",
    });
    return new Map(answer.neighbors.map((each) => [each.item_id, each]));
  }

  /**
   * Parts of the photo that stand out.
   * @param {Blob} photo
   * @param {{collection: string, signal: AbortSignal}} asking
   * @returns {Promise<{box: number[]}[]>}
   */
  async proposals(photo, asking) {
    const { regions } = await server.search({ image: photo }, { ...asking, k: 1, regions: "propose" });
    return regions ?? [];
  }

  async #search(state, photo, { readsTexts, ...asking }, cursor = /** @type {?string} */ (null)) {
    const key = subjectKey(state);
    const examples = (ids) => ids.map((item_id) => ({ item_id }));
    const said = readsTexts && state.q ? [{ text: state.q }] : [];
    const isSaid = said.length > 0 && !hasPicture(state); // what a picture would show, in place of one
    const likes = isSaid ? [] : [...examples(state.like), ...said];
    const like = likes.length ? likes : undefined;
    const unlike = state.unlike.length ? examples(state.unlike) : undefined;
    const subject = { ...(isSaid ? said[0] : this.#subject(state, photo)), like, unlike };
    const answer = await server.search(subject, {
      ...asking,
      ...options(state),
      cursor: cursor ?? undefined,
    });
    if (!like && !unlike && answer.query_token) this.#tokens.set(key, answer.query_token);
    return answer;
  }

  async #prediction(state, photo, { collection, signal }) {
    const key = subjectKey(state);
    if (!state.item && !state.photo) return null;
    const subject = this.#subject(state, photo);
    const box = boxOf(state);
    return (
      this.#predictions.get(key) ??
      this.#predictions.keep(key, await server.classify(subject, { collection, signal, box, k: 1 }))
    );
  }

  async #item(itemId, asking) {
    const key = JSON.stringify([asking.collection, itemId]);
    return this.#items.get(key) ?? this.#items.keep(key, await server.getItem(itemId, asking));
  }

  /** A photo is uploaded once; its token stands for it and its box from then on. */
  #subject(state, photo) {
    if (state.item) return { item_id: state.item };
    if (!photo) return {};
    const token = state.turned ? undefined : this.#tokens.get(subjectKey(state)); // of the photo as it is
    return { image: photo, query_token: token };
  }
}

/** @param {State} state */
function options(state) {
  const k = state.sort || state.q ? SORTED : PAGE; // words have one page
  return {
    k,
    q: state.q ?? undefined,
    box: boxOf(state),
    filter: filterOf(state),
    group_by: state.grouped && !state.fold ? "product_id" : undefined,
    fold: state.fold || undefined,
    turns: state.turned && state.photo ? "any" : undefined,
    diversity: state.variety && !state.sort && hasPicture(state) ? state.variety : undefined,
  };
}

/** Without the score, which of words alone says nothing of looks. @param {Neighbor} neighbor @returns {Neighbor} */
const unscored = ({ score, ...rest }) => rest;

/** @param {State} state */
const boxOf = ({ box }) => box ?? undefined;

/**
 * In the order of a field; items without it come last.
 * @param {Neighbor[]} neighbors
 * @param {?string} sort
 */
function sorted(neighbors, sort) {
  if (!sort) return neighbors;
  const descending = sort.startsWith("-");
  const field = sort.slice(descending ? 1 : 0);
  const value = ({ attributes }) => {
    const found = attributes[field];
    if (typeof found !== "number") return Infinity;
    return descending ? -found : found;
  };
  return [...neighbors].sort((a, b) => value(a) - value(b));
}
