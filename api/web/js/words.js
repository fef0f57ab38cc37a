/* What went wrong, in words: from the code of a problem to a title, a sentence and what to do.

   The server has the codes (api/problems.py); a test insists that each of them is here. */

/**
 * @typedef {"photo"|"again"|"start"|"search"|"key"|"none"} Action Choose another photo, try again, go to the
 *   start, search anew with the same photo, enter a key, or nothing that a reader could do.
 * @typedef {[title: string, text: string, action: Action]} Words
 */

/** @type {Words} */
const OUR_FAULT = ["Something went wrong on our side", "It is not because of your photo.", "again"];
/** @type {Words} */
const RESTING = [
  "The catalog can’t be used right now",
  "Whoever runs this server has to look after it.",
  "again",
];
/** @type {Words} */
const BAD_PHOTO = ["This photo can’t be opened", "It is damaged, or not a photo at all.", "photo"];
/** @type {Words} */
const NOT_A_PHOTO = [
  "That is not a photo",
  "JPEG, PNG, WebP and most other kinds of pictures work.",
  "photo",
];
/** @type {Words} */
const TOO_BIG = ["This photo is too big", "Choose a smaller one, or a screenshot of it.", "photo"];
/** @type {Words} */
const BAD_ADDRESS = ["This address does not work", "Something in it is not what it should be.", "start"];
/** @type {Words} */
const BAD_FILTER = [
  "These filters don’t fit this catalog",
  "They may have come from an older address.",
  "search",
];
/** @type {Words} */
const GONE = ["This is no longer here", "It may have been removed from the catalog.", "start"];
/** @type {Words} */
const NOT_ALLOWED = ["This is not allowed here", "Whoever runs this server decides on that.", "none"];
/** @type {Words} */
const FULL = ["There is no room for this", "Some other work has to finish or be removed first.", "again"];
/** @type {Words} */
const BAD_DATA = ["This can’t be taken as it is", "The details say what to mend.", "none"];
/** @type {Words} */
const SLOW = ["That took too long", "The connection may be slow.", "again"];

/** @type {Record<string, Words>} */
export const WORDS = {
  network: ["No connection", "This goes on by itself when the connection is back.", "again"],
  photo_gone: [
    "This photo is not in this browser",
    "Photos stay in the browser that they were searched with, and only the latest ones.",
    "photo",
  ],
  not_ready: ["Eyedex is getting ready", "This goes on by itself in a moment.", "none"],
  item_not_found: ["This item is no longer here", "It may have been removed from the catalog.", "start"],
  collection_not_found: ["There is no such collection", "It may have been removed or renamed.", "start"],
  unauthorized: ["This needs a key", "Whoever runs this server can give you one.", "key"],
  forbidden: ["Your key does not allow this", "It is for less than that, or for other collections.", "key"],
  query_expired: ["This search has to start anew", "It was put away to make room for others.", "search"],

  bad_image: BAD_PHOTO,
  corrupt_image: BAD_PHOTO,
  empty_file: ["This photo is empty", "It may not have been saved to its end.", "photo"],
  unsupported_type: NOT_A_PHOTO,
  missing_file: NOT_A_PHOTO,
  one_file_only: ["One photo at a time", "Choose the one to search with.", "photo"],
  body_too_large: TOO_BIG,
  too_many_pixels: TOO_BIG,
  too_complex: TOO_BIG,
  upload_too_large: ["This upload is too big", "Send it in several parts.", "none"],
  no_embedding: [
    "This picture can’t be searched with",
    "It looks the same everywhere, or could not be read.",
    "photo",
  ],
  picture_not_found: ["This picture is missing", "The item is known, its picture is not.", "start"],
  worker_lost: BAD_PHOTO,

  bad_filter: BAD_FILTER,
  unknown_field: BAD_FILTER,
  bad_parameter: BAD_ADDRESS,
  bad_input: BAD_ADDRESS,
  bad_request: BAD_ADDRESS,
  address_too_long: [
    "Too much at once",
    "There are more filters and likes than fit into an address.",
    "start",
  ],
  headers_too_large: BAD_ADDRESS,
  bad_host: BAD_ADDRESS,
  method_not_allowed: BAD_ADDRESS,
  bad_json: BAD_DATA,
  bad_row: BAD_DATA,
  bad_upload: BAD_DATA,
  catalog_unusable: BAD_DATA,
  too_many_queries: BAD_DATA,
  too_many_operations: BAD_DATA,
  not_confirmed: ["This has to be confirmed", "Something would be lost by it.", "none"],
  prune_refused: ["Too much would be removed", "Look at the list again, or say that it is meant.", "none"],
  collection_exists: ["There is one of this name already", "Choose another name.", "none"],
  dimension_mismatch: BAD_DATA,
  missing_extra: NOT_ALLOWED,
  external_encoder: NOT_ALLOWED,
  unknown_encoder: BAD_DATA,

  not_found: GONE,
  classifier_not_found: GONE,
  job_not_found: GONE,
  overview_not_found: GONE,
  upload_not_found: GONE,
  job_finished: ["This job has ended already", "There is nothing left to stop.", "none"],
  too_many_jobs: FULL,
  too_many_uploads: FULL,
  storage_full: FULL,
  cross_origin: NOT_ALLOWED,
  source_denied: NOT_ALLOWED,
  read_only: ["Nothing can be changed here", "This server only answers searches.", "none"],
  idempotency_key_reused: OUR_FAULT,
  idempotency_key_in_use: ["This is still at work", "It was asked for already.", "again"],
  request_timeout: SLOW,
  truncated_body: ["The photo did not arrive whole", "The connection broke on the way.", "again"],

  storage: RESTING,
  storage_corrupt: RESTING,
  older_format: RESTING,
  newer_format: RESTING,
  encoder: RESTING,
  weights_unavailable: RESTING,
  model_mismatch: RESTING,
  engine_closed: RESTING,
  index_unavailable: RESTING,
  forked: RESTING,
  rate_limited: ["That was much at once", "Wait a moment, then try again.", "again"],
  overloaded: ["Many are searching at the moment", "This goes on by itself in a moment.", "again"],
  storage_busy: ["The catalog is busy", "Something is being written at the moment.", "again"],
  lock_held: ["The catalog is busy", "Something is being written at the moment.", "again"],
  bug: OUR_FAULT,
  http_error: OUR_FAULT,
  error: OUR_FAULT,
};

/**
 * Words for a problem; those of its kind where its code is a newer one.
 * @param {{code: string, status: number}} problem
 */
export function wordsOf({ code, status }) {
  if (WORDS[code]) return WORDS[code];
  return status >= 500 ? RESTING : status === 404 ? GONE : OUR_FAULT;
}
