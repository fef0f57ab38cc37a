/* How alike, in words. The number stands in the detail of an item. */

import { t, textOf } from "./language.js";

/* Cosines of the encoders that come with Eyedex, for collections that are not calibrated: of others
   the server says how alike two pictures are (`likeness`). */
const LEVELS = /** @type {const} */ ([
  [0.7, "closeness.very_close"],
  [0.5, "closeness.close"],
  [-1, "closeness.loosely_alike"],
]);

/** The word for it; none for what is hardly alike. @param {{score?: number, likeness?: ?string, same_picture?: boolean}} neighbor */
export function closeness({ score, likeness, same_picture: isSame }) {
  if (isSame) return t("closeness.same");
  if (likeness === undefined) {
    const level = score !== undefined && LEVELS.find(([least]) => score >= least);
    return level ? t(level[1]) : "";
  }
  return likeness ? textOf(`closeness.${likeness.replaceAll(" ", "_")}`, likeness) : "";
}

/**
 * Whether anything in the catalog looks like what was asked with, as far as is known.
 * @param {{warnings: string[]}} answer @param {?{reason: ?string}} prediction
 */
export const isAlike = (answer, prediction) =>
  prediction?.reason !== "too_far" && !answer.warnings.some((each) => each.startsWith("foreign:"));
