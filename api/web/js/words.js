/* What went wrong, in words: from the code of a problem to a title, a sentence and what to do.

   The server has the codes (api/problems.py); a test insists that each of them is here. The words
   stand in words/<language>.problems.json. */

import { t } from "./language.js";

/**
 * @typedef {"photo"|"again"|"start"|"search"|"key"|"none"} Action Choose another photo, try again, go to the
 *   start, search anew with the same photo, enter a key, or nothing that a reader could do.
 */

/** What to do, by code; beside it the name of the words, where several codes share them.
    @type {Record<string, Action | [words: string, action: Action]>} */
export const PROBLEMS = {
  network: "again",
  photo_gone: "photo",
  unreadable: "photo",
  not_ready: "none",
  item_not_found: "start",
  collection_not_found: "start",
  unauthorized: "key",
  forbidden: "key",
  query_expired: "search",
  bad_image: ["bad_photo", "photo"],
  corrupt_image: ["bad_photo", "photo"],
  empty_file: "photo",
  unsupported_type: ["not_a_photo", "photo"],
  missing_file: ["not_a_photo", "photo"],
  one_file_only: "photo",
  body_too_large: ["too_big", "photo"],
  too_many_pixels: ["too_big", "photo"],
  too_complex: ["too_big", "photo"],
  upload_too_large: "none",
  no_embedding: "photo",
  picture_not_found: "start",
  worker_lost: ["bad_photo", "photo"],
  bad_filter: "search",
  unknown_field: ["bad_filter", "search"],
  bad_parameter: ["bad_address", "start"],
  bad_input: ["bad_address", "start"],
  bad_request: ["bad_address", "start"],
  address_too_long: "start",
  headers_too_large: ["bad_address", "start"],
  bad_host: ["bad_address", "start"],
  method_not_allowed: ["bad_address", "start"],
  bad_json: ["bad_data", "none"],
  bad_row: ["bad_data", "none"],
  bad_upload: ["bad_data", "none"],
  catalog_unusable: ["bad_data", "none"],
  too_many_queries: ["bad_data", "none"],
  too_many_operations: ["bad_data", "none"],
  not_confirmed: "none",
  prune_refused: "none",
  collection_exists: "none",
  dimension_mismatch: ["bad_data", "none"],
  missing_extra: ["not_allowed", "none"],
  external_encoder: "start",
  unknown_encoder: ["bad_data", "none"],
  not_found: ["gone", "start"],
  classifier_not_found: ["gone", "start"],
  job_not_found: ["gone", "start"],
  overview_not_found: ["gone", "start"],
  upload_not_found: ["gone", "start"],
  item_changed: "again",
  job_finished: "none",
  too_many_jobs: ["full", "again"],
  too_many_uploads: ["full", "again"],
  storage_full: ["full", "again"],
  cross_origin: ["not_allowed", "none"],
  source_denied: ["not_allowed", "none"],
  read_only: "none",
  idempotency_key_reused: ["our_fault", "again"],
  idempotency_key_in_use: "again",
  request_timeout: ["slow", "again"],
  truncated_body: "again",
  storage: ["resting", "again"],
  storage_corrupt: ["resting", "again"],
  older_format: ["resting", "again"],
  newer_format: ["resting", "again"],
  encoder: ["resting", "again"],
  weights_unavailable: ["resting", "again"],
  model_mismatch: ["resting", "again"],
  engine_closed: ["resting", "again"],
  database_unavailable: ["resting", "again"],
  index_unavailable: ["resting", "again"],
  cluster_unavailable: ["resting", "again"],
  forked: ["resting", "again"],
  overloaded: "again",
  rate_limited: "again",
  storage_busy: "again",
  lock_held: ["storage_busy", "again"],
  bug: ["our_fault", "again"],
  http_error: ["our_fault", "again"],
  error: ["our_fault", "again"],
};

/**
 * Words for a problem; those of its kind where its code is a newer one.
 * @param {{code: string, status: number}} problem
 * @returns {[title: string, text: string, action: Action]}
 */
export function wordsOf({ code, status }) {
  const kind = status >= 500 ? "storage" : status === 404 ? "not_found" : "bug";
  const known = code in PROBLEMS ? code : kind;
  const found = PROBLEMS[known];
  const [name, action] = Array.isArray(found) ? found : [known, found];
  const words = (/** @type {string} */ part) =>
    t(/** @type {import("./language.js").Word} */ (`problem.${name}.${part}`));
  return [words("title"), words("text"), action];
}

/** What went wrong in one line, without what to do. @param {{code: string, status: number}} problem */
export const sentences = (problem) => wordsOf(problem).slice(0, 2).join(". ");
