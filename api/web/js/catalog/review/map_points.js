/* The points of a map: where they lie, what they are called, which are within a line drawn around them. */

import { lastPart } from "../../format.js";
import { t } from "../../language.js";
import { server } from "../../owner_server.js";

const PAGE = 20_000;
const MOST = 100_000; // so many are drawn at once; of more a sample

/** @typedef {{name: string, items: number, x: number, y: number}} Cluster */
/**
 * @typedef {object} Points
 * @property {string[]} ids
 * @property {Float32Array} x From 0 to 1.
 * @property {Float32Array} y
 * @property {Int32Array} label   Positions in `labels`, -1 for none.
 * @property {Int32Array} cluster Positions in `clusters`.
 * @property {string[]} labels
 * @property {Cluster[]} clusters
 * @property {number} items How many the collection has.
 * @property {{made_at: string, outdated: boolean, items: number}} made
 */

/** @param {string} collection @param {AbortSignal} signal @returns {Promise<Points>} */
export async function fetchPoints(collection, signal) {
  /** @type {*[]} */
  const pages = [];
  let cursor;
  do {
    const page = await server.getMap({ collection, limit: PAGE, sample: MOST, cursor, signal });
    pages.push(page);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  const [first] = pages;
  const labels = [...new Set(pages.flatMap((page) => page.labels))];
  const number = new Map(labels.map((label, position) => [label, position]));
  return {
    ids: pages.flatMap(({ ids }) => ids),
    x: Float32Array.from(pages.flatMap(({ x }) => x)),
    y: Float32Array.from(pages.flatMap(({ y }) => y)),
    label: Int32Array.from(
      pages.flatMap((page) => page.label.map((code) => (code < 0 ? -1 : number.get(page.labels[code])))),
    ),
    cluster: Int32Array.from(pages.flatMap(({ cluster }) => cluster)),
    labels,
    clusters: named(first.clusters),
    items: first.items,
    made: first,
  };
}

/**
 * Groups by the last parts of their labels, as the reader's language joins them; by the whole labels where
 * that would name two alike, and with numbers where even those do.
 */
function named(clusters) {
  const join = (labels) => (labels.length > 1 ? t("map.two_labels", { first: labels[0], second: labels[1] }) : labels[0]);
  const isAlone = (names, at) => names.indexOf(names[at]) === at && names.lastIndexOf(names[at]) === at;
  const after = clusters.map((each) => each.named_after ?? []);
  const short = after.map((labels) => join(labels.map(lastPart)));
  const whole = after.map(join);
  return clusters.map((each, at) => {
    if (!after[at].length) return each;
    if (isAlone(short, at)) return { ...each, name: short[at] };
    const before = whole.slice(0, at).filter((name) => name === whole[at]).length;
    return { ...each, name: before ? `${whole[at]} (${before + 1})` : whole[at] };
  });
}

/** The labels by how many points have them, most first. @param {Points} points @returns {[position: number, count: number][]} */
export function labelCounts({ label, labels }) {
  const counts = new Uint32Array(labels.length);
  for (const code of label) if (code >= 0) counts[code] += 1;
  return [...counts].map((count, code) => /** @type {[number, number]} */ ([code, count])).sort((a, b) => b[1] - a[1]);
}

/** The corners of what all points lie in. @param {Points} points @returns {[low: number[], high: number[]]} */
export function bounds({ x, y }) {
  const [low, high] = [
    [1, 1],
    [0, 0],
  ];
  for (let each = 0; each < x.length; each += 1) {
    low[0] = Math.min(low[0], x[each]);
    low[1] = Math.min(low[1], y[each]);
    high[0] = Math.max(high[0], x[each]);
    high[1] = Math.max(high[1], y[each]);
  }
  return x.length ? [low, high] : [high, low];
}

/**
 * The points within a closed line.
 * @param {Points} points @param {[x: number, y: number][]} line @param {(position: number) => boolean} isShown
 */
export function within({ x, y }, line, isShown) {
  const [across, down] = [0, 1].map((axis) => {
    const each = line.map((corner) => corner[axis]);
    return [Math.min(...each), Math.max(...each)];
  });
  const found = [];
  for (let each = 0; each < x.length; each += 1) {
    if (x[each] < across[0] || x[each] > across[1] || y[each] < down[0] || y[each] > down[1] || !isShown(each)) continue;
    if (surrounds(line, x[each], y[each])) found.push(each);
  }
  return found;
}

/** Whether a ray from the point crosses the line an odd number of times. */
function surrounds(line, x, y) {
  let isInside = false;
  for (let each = 0, before = line.length - 1; each < line.length; before = each, each += 1) {
    const [ax, ay] = line[each];
    const [bx, by] = line[before];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) isInside = !isInside;
  }
  return isInside;
}

/** The nearest point within a distance; -1 for none. @param {Points} points @param {number} px @param {number} py @param {number} far @param {(position: number) => boolean} isShown */
export function nearest({ x, y }, px, py, far, isShown) {
  let [best, least] = [-1, far * far];
  for (let each = 0; each < x.length; each += 1) {
    const away = (x[each] - px) ** 2 + (y[each] - py) ** 2;
    if (away < least && isShown(each)) [best, least] = [each, away];
  }
  return best;
}
