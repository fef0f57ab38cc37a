/* How alike, in words. The number stands in the detail of an item. */

/* Cosines of the encoders that come with Eyedex, for collections that are not calibrated: of others
   the server says how alike two pictures are (`likeness`). */
const LEVELS = /** @type {const} */ ([
  [0.7, "Very close"],
  [0.5, "Close"],
  [-1, "Loosely alike"],
]);

/** The word for it; none for what is hardly alike. @param {{score: number, likeness?: ?string, same_picture?: boolean}} neighbor */
export function closeness({ score, likeness, same_picture: isSame }) {
  if (isSame) return "The same picture";
  if (likeness === undefined) return LEVELS.find(([least]) => score >= least)?.[1] ?? "";
  return likeness ? likeness[0].toUpperCase() + likeness.slice(1) : "";
}

/**
 * Whether anything in the catalog looks like what was asked with, as far as is known.
 * @param {{warnings: string[]}} answer @param {?{reason: ?string}} prediction
 */
export const isAlike = (answer, prediction) =>
  prediction?.reason !== "too_far" && !answer.warnings.some((each) => each.startsWith("foreign:"));
