/* The HTTP API from JavaScript, in browsers and in Node 18 or later; beside it search_client.js is
   needed, and no other file.

   import { Client } from "./client.js";
   const client = new Client({ url: "http://127.0.0.1:8000" });
   const { neighbors } = await client.search({ image: file }, { k: 5 });

   Every operation is a method of the same name. The last argument of each holds its options and,
   beside them, `collection` (another one than the client's) and `signal` (an AbortSignal). */

import { NONE, Problem, SearchClient, addressOf, formOf, problemOf, randomId, sleep } from "./search_client.js";

export { Problem, sleep } from "./search_client.js";

/** @typedef {{name: string, about: string, dimension: ?number, ready: boolean, default: boolean}} EncoderChoice */
/** @typedef {import("./search_client.js").Common} Common */
/** @typedef {import("./search_client.js").Picture} Picture */
/** @typedef {import("./search_client.js").Subject} Subject */
/** @typedef {import("./search_client.js").Item} Item */
/** @typedef {import("./search_client.js").Neighbor} Neighbor */
/** @typedef {import("./search_client.js").SearchAnswer} SearchAnswer */
/** @typedef {import("./search_client.js").Prediction} Prediction */
/** @typedef {import("./search_client.js").Label} Label */
/** @typedef {import("./search_client.js").Access} Access */
/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} collection
 * @property {string} kind
 * @property {"queued"|"running"|"done"|"failed"|"cancelled"|"interrupted"} state
 * @property {Record<string, *>} params  What was asked for.
 * @property {?string} stage
 * @property {number} done               Steps of the stage.
 * @property {?number} total             Null where that is not known.
 * @property {?number} seconds_left
 * @property {Record<string, number>} counts  What came of it so far.
 * @property {Record<string, number>} reasons Refused rows by code.
 * @property {?Record<string, *>} result Null before the end.
 * @property {?{code: string, message: string, fix?: string}} error
 * @property {{name: string, size_bytes: number}[]} files
 * @property {boolean} cancel_requested
 * @property {string} created_at
 * @property {?string} finished_at
 */
/** @typedef {{made_at: string, outdated: boolean, items: number}} Made */
/** @typedef {{confidence: number, accuracy: number, coverage: number}} CurvePoint */
/** @typedef {{target: string, calibrated: boolean, items: ?number, accuracy: ?number, calibration_error: ?number, outdated: boolean, curve: CurvePoint[]}} Calibration */
/** @typedef {{name: string, current: boolean, sound: boolean, made_at: string, items: ?number, index: ?string, recall: ?number, megabytes: ?number, fingerprint: ?string}} Generation */
/** @typedef {{generations: Generation[], former_encoder: ?{name: string, dimension: ?number}}} GenerationList */
/** @typedef {{op: ?string, item_id: ?string, status: number, item?: Item, problem?: *}} ItemChange */
/** @typedef {{id: string, event: string, data: *}} ServerEvent */

const FINAL_STATES = new Set(["done", "failed", "cancelled", "interrupted"]);
const BATCH = 100;

export class Client extends SearchClient {
  healthz = (options = NONE) => this._get("/healthz", {}, options);

  /** What looks like a stored item, without itself. @returns {Promise<SearchAnswer>} */
  similar(itemId, { collection, signal, ...options } = NONE) {
    return this._get(this._at(collection, "similar", itemId), options, { signal });
  }

  /**
   * All items by how much they look like this; `k` is how many come at once.
   * @returns {AsyncGenerator<Neighbor>}
   */
  async *searchAll(subject, options = NONE) {
    let asked = subject;
    const isMix = [subject, options].some((each) => each.like || each.unlike);
    for (let cursor; cursor !== null; ) {
      const answer = await this.search(asked, { ...options, ...(cursor && { cursor }) });
      yield* answer.neighbors;
      cursor = answer.next_cursor ?? null;
      if (answer.query_token && !isMix) asked = { ...asked, query_token: answer.query_token };
    }
  }

  /** @param {Subject[]} subjects Up to 64. @returns {Promise<{results: object[]}>} In their order. */
  searchBatch(subjects, options = NONE) {
    return this.#askMany("search:batch", subjects, options);
  }

  /** @param {Subject[]} subjects Up to 64. @returns {Promise<{results: object[]}>} In their order. */
  classifyBatch(subjects, options = NONE) {
    return this.#askMany("classify:batch", subjects, options);
  }

  /** All items. @returns {AsyncGenerator<Item>} */
  items = (options = NONE) => pages((page) => this.listItems(page), "items", options);

  /** Add an item, or replace it. @param {Picture} image @returns {Promise<Item>} */
  putItem(itemId, image, { collection, signal, ...known } = NONE) {
    const body = formOf({ image, ...known });
    return this._send("PUT", this._at(collection, "items", itemId), { body, signal });
  }

  /** An item with the tag of its version. @returns {Promise<{item: Item, tag: string}>} */
  getTaggedItem(itemId, { collection, signal } = NONE) {
    return this._get(this._at(collection, "items", itemId), {}, { signal, as: "tagged" });
  }

  /** Change what is named of `label`, `product_id`, `attributes`; null clears it. `ifMatch`: only of this version. @returns {Promise<Item>} */
  patchItem(itemId, changes, { collection, signal, ifMatch } = NONE) {
    const headers = ifMatch && { "If-Match": ifMatch };
    return this._send("PATCH", this._at(collection, "items", itemId), { json: changes, headers, signal });
  }

  deleteItem(itemId, { collection, signal } = NONE) {
    return this._send("DELETE", this._at(collection, "items", itemId), { signal });
  }

  /** Up to 100 operations at once; a result or a problem for each. @returns {Promise<{results: ItemChange[]}>} */
  async batchItems(operations, { collection, signal, idempotencyKey } = NONE) {
    const json = { operations: await Promise.all(operations.map(withBase64)) };
    const headers = keyed(idempotencyKey);
    return this._send("POST", this._at(collection, "items:batch"), { json, headers, signal });
  }

  /** Put any number of items, in batches. @returns {AsyncGenerator<object>} A result for each. */
  async *putMany(items, options = NONE) {
    for await (const batch of batches(items)) {
      const operations = batch.map((item) => ({ op: "put", ...item }));
      yield* (await this.batchItems(operations, options)).results;
    }
  }

  /** The picture of an item as JPEG, `size` pixels long at most. @returns {Promise<Blob>} */
  getImage(itemId, { collection, signal, size } = NONE) {
    return this._get(this._at(collection, "images", itemId), { size }, { signal, as: "blob" });
  }

  createCollection(name, { signal } = NONE) {
    return this._send("POST", "/v1/collections", { json: { name }, signal });
  }

  getCollection = (collection, options = NONE) => this._get(this._at(collection), {}, options);

  deleteCollection(collection, { confirm, signal } = NONE) {
    return this._send("DELETE", this._at(collection), { query: { confirm }, signal });
  }

  /** All labels. @returns {AsyncGenerator<object>} */
  labels = (options = NONE) => pages((page) => this.listLabels(page), "labels", options);

  /** The encoders that a collection can have, the default first. @returns {Promise<{encoders: EncoderChoice[]}>} */
  listEncoders = (options = NONE) => this._get("/v1/encoders", {}, options);

  listClassifiers({ collection, signal } = NONE) {
    return this._get(this._at(collection, "classifiers"), {}, { signal });
  }

  /**
   * What share of photos is answered, and how many answers are right, by confidence: `target`.
   * @returns {Promise<Calibration>}
   */
  getCalibration({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "calibration"), query, { signal });
  }

  /** Published indexes, newest first, and the encoder before the last change. @returns {Promise<GenerationList>} */
  listGenerations({ collection, signal } = NONE) {
    return this._get(this._at(collection, "generations"), {}, { signal });
  }

  /** Go back to the index before; no item is lost. @returns {Promise<GenerationList>} */
  rollBackCollection({ collection, signal } = NONE) {
    return this._send("POST", this._at(collection, "rollback"), { signal });
  }

  /** A page of items whose labels look wrong: `target`, `limit`, `cursor`. @returns {Promise<Made & {suspects: object[], probable_errors: number, next_cursor: ?string}>} */
  listMislabelled({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "mislabelled"), query, { signal });
  }

  /** A page of items that are unlike all others: `limit`, `cursor`. @returns {Promise<Made & {suspects: object[], next_cursor: ?string}>} */
  listOutliers({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "outliers"), query, { signal });
  }

  /** Points of the map in columns: `sample`, `limit`, `cursor`. @returns {Promise<Made & {ids: string[], x: number[], y: number[], next_cursor: ?string}>} */
  getMap({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "map"), query, { signal });
  }

  /* Feedback */

  /** Store up to 1,000 events of what people did with results. @param {object[]} events @returns {Promise<{stored: number, known: number, refused: object[]}>} */
  addFeedback(events, { collection, signal, idempotencyKey } = NONE) {
    const headers = keyed(idempotencyKey);
    return this._send("POST", this._at(collection, "feedback"), {
      json: { events },
      headers,
      signal,
    });
  }

  /** A page of stored events: `session`, `limit`, `cursor`. @returns {Promise<{events: object[], total: number, next_cursor: ?string}>} */
  listFeedback({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "feedback"), query, { signal });
  }

  /** Delete the events of a `session`; of all where `confirm` repeats the name of the collection. @returns {Promise<{deleted: number}>} */
  deleteFeedback({ collection, session, confirm, signal } = NONE) {
    const query = { session, confirm };
    return this._send("DELETE", this._at(collection, "feedback"), { query, signal });
  }

  /* Uploads */

  /** Open an upload; with `name` and `content` (a Blob or bytes) that one file is it. */
  createUpload({ collection, signal, idempotencyKey, name, content } = NONE) {
    const headers = keyed(idempotencyKey);
    const address = this._at(collection, "uploads");
    if (!name) return this._send("POST", address, { json: {}, headers, signal });
    const sent = { ...headers, "Content-Type": "application/octet-stream" };
    return this._send("POST", address, { query: { name }, body: content, headers: sent, signal });
  }

  /** Stage a file under a relative path. @param {Blob | Uint8Array | string} content */
  putUploadFile(uploadId, name, content, { collection, signal } = NONE) {
    const address = this._at(collection, "uploads", uploadId, "files", name);
    const headers = { "Content-Type": "application/octet-stream" };
    return this._send("PUT", address, { body: content, headers, signal });
  }

  /** An upload with a page of its files; `columns: true` tells what is in its table. */
  getUpload(uploadId, { collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "uploads", uploadId), query, { signal });
  }

  /** A page of uploads: `limit`, `cursor`. */
  listUploads({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "uploads"), query, { signal });
  }

  /** All uploads. @returns {AsyncGenerator<object>} */
  uploads = (options = NONE) => pages((page) => this.listUploads(page), "uploads", options);

  deleteUpload(uploadId, { collection, signal } = NONE) {
    return this._send("DELETE", this._at(collection, "uploads", uploadId), { signal });
  }

  /* Jobs */

  /** @param {string} kind @param {Record<string, *>} parameters Those of the kind. @returns {Promise<Job>} */
  createJob(kind, parameters = {}, { collection, signal, idempotencyKey } = NONE) {
    const json = { kind, ...parameters };
    const headers = keyed(idempotencyKey);
    return this._send("POST", this._at(collection, "jobs"), { json, headers, signal });
  }

  /** A page of jobs, newest first: `collection`, `kind`, `state`, `limit`, `cursor`. */
  listJobs = ({ signal, ...query } = NONE) => this._get("/v1/jobs", query, { signal });

  /** All jobs. @returns {AsyncGenerator<Job>} */
  jobs = (options = NONE) => pages((page) => this.listJobs(page), "jobs", options);

  /** @returns {Promise<Job>} */
  getJob = (jobId, options = NONE) => this._get(jobAt(jobId), {}, options);

  cancelJob = (jobId, { signal } = NONE) => this._send("DELETE", jobAt(jobId), { signal });

  /** @returns {Promise<Blob>} JSON lines. */
  getJobRejects = (jobId, { signal } = NONE) =>
    this._get(jobAt(jobId, "rejects"), {}, { signal, as: "blob" });

  /** @returns {Promise<Blob>} */
  getJobFile = (jobId, name, { signal } = NONE) =>
    this._get(jobAt(jobId, "files", name), {}, { signal, as: "blob" });

  /**
   * What happens to a job until it has ended; a broken stream is resumed where it broke.
   * `lastId` is of the last event that is known.
   * @returns {AsyncGenerator<ServerEvent>}
   */
  async *watchJob(jobId, { signal, lastId = "" } = NONE) {
    const stream = { lastId, retryMs: 1000 };
    for (let failures = 0; ; failures += 1) {
      try {
        for await (const event of this.#listen(jobId, stream, signal)) {
          failures = 0;
          yield event;
          if (FINAL_STATES.has(event.data.state)) return;
        }
      } catch (error) {
        if (!(error instanceof Problem) || error.status || failures >= this._retries) throw error;
      }
      if (stream.ended) return;
      await sleep(stream.retryMs, signal);
    }
  }

  /** Wait until a job has ended, well or not: its `state` tells. @returns {Promise<Job>} */
  async wait(jobId, { signal, onProgress } = NONE) {
    for await (const { data } of this.watchJob(jobId, { signal })) {
      onProgress?.(data);
      if (FINAL_STATES.has(data.state)) return data;
    }
    return this.getJob(jobId, { signal });
  }

  async #askMany(verb, subjects, { collection, signal, ...options } = NONE) {
    const json = { queries: await Promise.all(subjects.map(withBase64)), ...options };
    return this._send("POST", this._at(collection, verb), { json, signal, asks: true });
  }

  async *#listen(jobId, stream, signal) {
    const headers = stream.lastId ? { "Last-Event-ID": stream.lastId } : {};
    const response = await this._fetch("GET", jobAt(jobId, "events"), { headers, signal });
    if (!response.ok) throw await problemOf(response);
    stream.ended = response.status === 204; // the last event is known already
    if (stream.ended) return;
    for await (const line of linesOf(response.body, signal)) {
      const event = eventOf(line, stream);
      if (event) yield event;
    }
  }
}

const jobAt = (jobId, ...parts) => addressOf("jobs", jobId, ...parts);
const keyed = (key) => ({ "Idempotency-Key": key ?? randomId(16) });

/** A query or an operation of a batch, with its picture as base64. */
async function withBase64({ image, ...rest }) {
  if (image === undefined) return rest;
  const bytes = new Uint8Array(image instanceof Blob ? await image.arrayBuffer() : image);
  let binary = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return { ...rest, image_base64: btoa(binary) };
}

async function* batches(items) {
  let batch = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length) yield batch;
}

async function* pages(list, name, options) {
  for (let cursor; cursor !== null; ) {
    const page = await list({ ...options, ...(cursor && { cursor }) });
    yield* page[name];
    cursor = page.next_cursor;
  }
}

async function* linesOf(body, signal) {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of chunksOf(body)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n/);
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ title: "The connection broke", code: "network" });
  }
}

async function* chunksOf(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Take a line of a stream of events (the HTML standard, 9.2.6); the event that it completes. */
function eventOf(line, stream) {
  if (line === "") {
    const { kind = "message", data = [] } = stream;
    delete stream.kind;
    delete stream.data;
    return data.length ? { id: stream.lastId, event: kind, data: JSON.parse(data.join("\n")) } : null;
  }
  const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
  if (name === "data") stream.data = [...(stream.data ?? []), value];
  else if (name === "event") stream.kind = value;
  else if (name === "id") stream.lastId = value;
  else if (name === "retry" && /^\d+$/.test(value)) stream.retryMs = Number(value);
  return null;
}
