/* Jobs in words: what they do, how far they are, what came of them. */

import { count, number } from "../format.js";

/** @typedef {import("../client.js").Job} Job */

const KINDS = {
  index: "Add pictures",
  tune: "Learn from the labels",
  switch: "Change the encoder",
  calibrate: "Calibrate confidence",
  evaluate: "Measure quality",
  cluster: "Group by looks",
  duplicates: "Find duplicates",
  snapshot: "Make a backup",
  check: "Check everything",
  colors: "Find colours",
  mislabelled: "Look through the labels",
  outliers: "Look for outliers",
  map: "Draw the map",
  export: "Export",
};
const STATES = {
  queued: "Waiting",
  running: "At work",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted",
};
const FINAL = new Set(["done", "failed", "cancelled", "interrupted"]);

/* Why rows and pictures are refused, by the codes of the indexer. */
const REASONS = {
  bad_image: "is not a picture that can be opened",
  corrupt_image: "is damaged, or not whole",
  empty_file: "is empty",
  unsupported_type: "is not a picture, or of a kind that is not read",
  body_too_large: "is too big",
  too_many_pixels: "has too many pixels",
  too_complex: "is too complex to open safely",
  worker_lost: "could not be opened without harm",
  missing_file: "names a picture that is not there",
  no_picture: "names no picture",
  bad_path: "names a picture outside the upload",
  bad_id: "has an id that cannot be one",
  duplicate_id: "has the id of an earlier row",
  bad_value: "has a value that does not fit its column",
  bad_row: "cannot be read as a row",
  bad_input: "has a value that is not taken",
  bad_parameter: "has a value that is not taken",
  bad_embedding: "has an embedding that does not fit",
  no_embedding: "shows nothing that could be searched",
  fetch_failed: "has a picture that could not be fetched",
  url_denied: "has a picture at an address that is not allowed",
};

export const isFinal = ({ state }) => FINAL.has(state);

/** @param {Job} job */
export function kindText({ kind, params }) {
  const name = KINDS[kind] ?? kind;
  return params?.dry_run ? `${name}: check only` : name;
}

/** @param {Job} job */
export function stateText({ state, stage, cancel_requested: stops }) {
  if (!FINAL.has(state) && stops) return "Stopping";
  return state === "running" && stage ? `${STATES.running}: ${stage}` : STATES[state];
}

/** @param {Job} job */
export function progressText({ done, total, seconds_left: left }) {
  const far = total ? `${number(done)} of ${number(total)}` : done ? number(done) : "";
  return [far, left !== null && left > 0 && `${duration(left)} left`].filter(Boolean).join(" · ");
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** Why something was refused. @param {string} code */
export const reasonText = (code) => REASONS[code] ?? "was refused";

/** What came of a job, or has so far. @param {Job} job @returns {string} */
export function outcomeText({ kind, counts, result, params }) {
  if (kind === "duplicates" && result) {
    const groups = Object.values(result.groups).reduce((sum, each) => sum + each, 0);
    return groups ? `${count(groups, "group")} of duplicates` : "No duplicates";
  }
  const would = params?.dry_run ? "would be " : "";
  const named = {
    added: "added",
    updated: "changed",
    moved: "renamed",
    removed: "removed",
    unchanged: "unchanged",
    rejected: "refused",
  };
  return Object.entries(named)
    .filter(([name]) => counts[name])
    .map(
      ([name, word]) =>
        `${number(counts[name])} ${name === "unchanged" || name === "rejected" ? "" : would}${word}`,
    )
    .join(" · ");
}
