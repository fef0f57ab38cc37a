/* What a photo is said to be, when only answers that are sure enough count. */

/** @typedef {import("./photos.js").Row} Row */
/** @typedef {{label: ?string, guess: ?string, confidence: number, reason: ?string}} Said `guess` is the likeliest class, sure or not. */

/**
 * As the server answers with `accept_accuracy`: the deepest level of the path that is sure enough.
 * @param {Row} row @param {number} least The least confidence. @returns {?Said} Null while it is not answered.
 */
export function said({ answer }, least) {
  if (!answer) return null;
  const { label, levels, votes, confidence, reason } = answer;
  const likeliest = label ?? levels.at(-1)?.label ?? votes[0]?.label ?? null;
  if (reason === "too_far" || reason === "no_labels" || reason === "too_few")
    return { label: null, guess: likeliest, confidence: 0, reason };
  const steps = levels.length ? levels : likeliest === null ? [] : [{ label: likeliest, confidence }];
  const sure = steps.findLast((each) => each.confidence >= least);
  if (sure) return { label: sure.label, guess: sure.label, confidence: sure.confidence, reason: null };
  const { confidence: whole = 0 } = steps.at(-1) ?? {};
  return { label: null, guess: likeliest, confidence: whole, reason: "disagree" };
}

/** Whether a reader should look at it. @param {Row} row @param {number} least */
export const isOpen = (row, least) =>
  row.state === "done" && row.given === null && said(row, least)?.label === null;

/** @param {Row} row @param {number} least */
export const isAnswered = (row, least) => row.state === "done" && (row.given !== null || !isOpen(row, least));

/** @type {Record<string, (least: number) => (a: Row, b: Row) => number>} */
const ORDERS = {
  unsure: (least) => (a, b) => doubt(a, least) - doubt(b, least),
  name: () => (a, b) => a.name.localeCompare(b.name),
  label: (least) => (a, b) => labelOf(a, least).localeCompare(labelOf(b, least)),
};

/** @type {Record<string, (row: Row, least: number) => boolean>} */
const SHOWN = {
  open: isOpen,
  answered: isAnswered,
  given: ({ given }) => given !== null,
  refused: ({ state }) => state === "refused" || state === "failed",
};

/** @param {Row[]} rows @param {string} order @param {string} show @param {number} least */
export function arranged(rows, order, show, least) {
  const shown = SHOWN[show] ? rows.filter((row) => SHOWN[show](row, least)) : [...rows];
  return ORDERS[order] ? shown.sort(ORDERS[order](least)) : shown;
}

/** What was refused comes first, then the least certain. @param {Row} row @param {number} least */
function doubt(row, least) {
  if (row.state === "refused" || row.state === "failed") return -1;
  return said(row, least)?.confidence ?? 2;
}

const labelOf = (row, least) => row.given ?? said(row, least)?.label ?? "\uffff";
