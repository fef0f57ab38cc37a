/* How alike, in words. The number stands in the detail of an item. */

/* Cosines of the encoders that come with Eyedex. The only place that knows them: where the server
   says a word (`closeness`), that one is taken. */
const LEVELS = /** @type {const} */ ([
  [0.92, "same"],
  [0.7, "very_close"],
  [0.5, "close"],
  [-1, "loose"],
]);

/** @type {Record<string, string>} */
const WORDS = {
  same: "Nearly the same",
  very_close: "Very close",
  close: "Close",
  loose: "Loosely alike",
};

/** @param {{score: number, closeness?: string}} neighbor */
export function closeness({ score, closeness: said }) {
  const level = said ?? LEVELS.find(([least]) => score >= least)?.[1] ?? "loose";
  return WORDS[level] ?? level.replaceAll("_", " ");
}

/**
 * Whether anything in the catalog looks like what was asked with, as far as is known.
 * @param {{alike?: ?boolean}} answer @param {?{reason: ?string}} prediction
 */
export const isAlike = (answer, prediction) => answer.alike ?? prediction?.reason !== "too_far";
