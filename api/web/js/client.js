/* The HTTP API from JavaScript, in browsers and in Node 18 or later; no other file is needed.

   import { Client } from "./client.js";
   const client = new Client({ url: "http://127.0.0.1:8000" });
   const { neighbors } = await client.search({ image: file }, { k: 5 });

   Every operation is a method of the same name. The last argument of each holds its options and,
   beside them, `collection` (another one than the client's) and `signal` (an AbortSignal). */

/** @typedef {{collection?: string, signal?: AbortSignal}} Common */
/** @type {Common & Record<string, *>} */
const NONE = Object.freeze({});
/** @typedef {Blob | Uint8Array | ArrayBuffer} Picture The bytes of a file with a picture. */
/**
 * @typedef {object} Subject What is asked about: one of these; none beside the options `q` and
 *   `color` of a search. With `image` and `query_token` the
 *   token of an earlier answer is tried first, so that the photo is uploaded once.
 * @property {Picture} [image]
 * @property {string} [item_id]
 * @property {string} [query_token]
 * @property {number[] | string} [vector] An embedding: numbers, or base64 of little-endian float32.
 * @property {string} [text] What a picture would show, where the encoder reads texts.
 * @property {object[]} [like] Examples of what is wanted, beside these or instead, each as the API
 *   has it: `item_id`, `image_base64`, `query_token`, `vector` or `text`, and `weight`.
 * @property {object[]} [unlike] Examples of what is not wanted.
 */
/**
 * @typedef {object} Item
 * @property {string} item_id
 * @property {?string} label
 * @property {?string} product_id
 * @property {Record<string, *>} attributes
 * @property {string} [image_url]
 */
/**
 * @typedef {Item & {score: number, views?: {count: number, item_ids: string[]}, explanation?: *}} Neighbor
 */
/**
 * @typedef {object} SearchAnswer
 * @property {Neighbor[]} neighbors Best first.
 * @property {Record<string, number>} timings_ms
 * @property {string} encoder
 * @property {string[]} warnings
 * @property {?string} [query_token]
 * @property {?string} [next_cursor]
 * @property {{box: number[], score: number}[]} [regions]
 */
/**
 * @typedef {object} Prediction
 * @property {?string} label Null where the answer abstains.
 * @property {number} confidence
 * @property {boolean} calibrated
 * @property {boolean} abstained
 * @property {?string} reason Why it abstains.
 * @property {{label: string, confidence: number}[]} levels
 * @property {{label: string, share: number}[]} votes
 * @property {number} voters
 */
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
/** @typedef {{label: string, count: number, example: {item_id: string, image_url: string}}} Label */
/** @typedef {{id: string, event: string, data: *}} ServerEvent */
/** @typedef {{scope: "read"|"write"|"admin", collections: ?string[], anonymous: ?string, read_only: boolean}} Access */

const REPEATED = new Set([429, 502, 503, 504]);
const SAFE_TO_REPEAT = new Set(["GET", "PUT", "DELETE"]);
const STILL_AT_WORK = "idempotency_key_in_use"; // the first one, whose answer did not arrive
const FINAL_STATES = new Set(["done", "failed", "cancelled", "interrupted"]);
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
const LONGEST_RETRY_AFTER_S = 60;
const BATCH = 100;

/** An answer that is not a success (RFC 9457), or no answer at all: `status` 0, `code` "network". */
export class Problem extends Error {
  /**
   * @param {{title: string, code: string, detail?: string, status?: number, request_id?: string, retryAfterS?: number}}
   *   what
   */
  constructor({ title, detail = "", status = 0, code, request_id: requestId, retryAfterS = 0 }) {
    super(detail || title);
    this.name = "Problem";
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS; // what the header Retry-After says, or 0
  }

  get isNotReady() {
    return this.status === 503 && this.code === "not_ready";
  }
}

export class Client {
  #url;
  #collection;
  #retries;
  #headers;
  #transport;

  /**
   * @param {{url?: string, collection?: string, retries?: number, headers?: Record<string, string>, fetch?: typeof globalThis.fetch}} [settings]
   *   `url` is empty for the server that a page came from; `retries` is how often a request is
   *   repeated that got no answer, or 429, 502, 503 or 504, and may be done twice; `fetch` is what
   *   sends requests, in place of the global one.
   */
  constructor({ url = "", collection = "default", retries = 4, headers = {}, fetch: transport } = {}) {
    this.#url = url.replace(/\/$/, "");
    this.#collection = collection;
    this.#retries = retries;
    this.#headers = headers;
    this.#transport = transport ?? ((url, request) => globalThis.fetch(url, request));
  }

  /* The server */

  healthz = (options = NONE) => this.#get("/healthz", {}, options);
  readyz = (options = NONE) => this.#get("/readyz", {}, options);

  /** What may be done with the key of this client. @returns {Promise<Access>} */
  getAccess = (options = NONE) => this.#get("/v1/access", {}, options);

  /* Questions */

  /**
   * What looks like this, best first.
   * @param {Subject} subject
   * @param {Common & Record<string, *>} [options] Those of the API: `k`, `filter`, `box`...
   * @returns {Promise<SearchAnswer>}
   */
  search(subject, options = NONE) {
    return this.#ask("search", subject, options);
  }

  /**
   * What class is this, by the vote of the neighbors.
   * @param {Subject} subject
   * @param {Common & Record<string, *>} [options]
   * @returns {Promise<SearchAnswer & Prediction>}
   */
  classify(subject, options = NONE) {
    return this.#ask("classify", subject, options);
  }

  /** What looks like a stored item, without itself. @returns {Promise<SearchAnswer>} */
  similar(itemId, { collection, signal, ...options } = NONE) {
    return this.#get(this.#at(collection, "similar", itemId), options, { signal });
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

  /* Items */

  /**
   * A page of items: `filter`, `q`, `sort`, `limit`, `cursor`.
   * @returns {Promise<{items: Item[], total: number, next_cursor: ?string}>}
   */
  listItems({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "items"), query, { signal });
  }

  /** All items. @returns {AsyncGenerator<Item>} */
  items = (options = NONE) => pages((page) => this.listItems(page), "items", options);

  /** @returns {Promise<Item>} */
  getItem(itemId, { collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "items", itemId), query, { signal });
  }

  /** Add an item, or replace it. @param {Picture} image @returns {Promise<Item>} */
  putItem(itemId, image, { collection, signal, ...known } = NONE) {
    const body = formOf({ image, ...known });
    return this.#send("PUT", this.#at(collection, "items", itemId), { body, signal });
  }

  /** Change what is named of `label`, `product_id`, `attributes`; null clears it. @returns {Promise<Item>} */
  patchItem(itemId, changes, { collection, signal } = NONE) {
    return this.#send("PATCH", this.#at(collection, "items", itemId), { json: changes, signal });
  }

  deleteItem(itemId, { collection, signal } = NONE) {
    return this.#send("DELETE", this.#at(collection, "items", itemId), { signal });
  }

  /** Up to 100 operations at once; a result or a problem for each. @returns {Promise<{results: ItemChange[]}>} */
  async batchItems(operations, { collection, signal, idempotencyKey } = NONE) {
    const json = { operations: await Promise.all(operations.map(withBase64)) };
    const headers = keyed(idempotencyKey);
    return this.#send("POST", this.#at(collection, "items:batch"), { json, headers, signal });
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
    return this.#get(this.#at(collection, "images", itemId), { size }, { signal, as: "blob" });
  }

  /* Collections */

  listCollections = (options = NONE) => this.#get("/v1/collections", {}, options);

  createCollection(name, { signal } = NONE) {
    return this.#send("POST", "/v1/collections", { json: { name }, signal });
  }

  getCollection = (collection, options = NONE) => this.#get(this.#at(collection), {}, options);

  deleteCollection(collection, { confirm, signal } = NONE) {
    return this.#send("DELETE", this.#at(collection), { query: { confirm }, signal });
  }

  /**
   * A page of labels: `under`, `q`, `limit`, `cursor`.
   * @returns {Promise<{labels: Label[], next_cursor: ?string}>}
   */
  listLabels({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "labels"), query, { signal });
  }

  /** All labels. @returns {AsyncGenerator<object>} */
  labels = (options = NONE) => pages((page) => this.listLabels(page), "labels", options);

  /** How many items have which value of the fields. @param {string[]} fields */
  listFacets(fields, { collection, signal, filter } = NONE) {
    const query = { fields: fields.join(","), filter };
    return this.#get(this.#at(collection, "facets"), query, { signal });
  }

  listClassifiers({ collection, signal } = NONE) {
    return this.#get(this.#at(collection, "classifiers"), {}, { signal });
  }

  /**
   * What share of photos is answered, and how many answers are right, by confidence: `target`.
   * @returns {Promise<Calibration>}
   */
  getCalibration({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "calibration"), query, { signal });
  }

  /** Published indexes, newest first, and the encoder before the last change. @returns {Promise<GenerationList>} */
  listGenerations({ collection, signal } = NONE) {
    return this.#get(this.#at(collection, "generations"), {}, { signal });
  }

  /** Go back to the index before; no item is lost. @returns {Promise<GenerationList>} */
  rollBackCollection({ collection, signal } = NONE) {
    return this.#send("POST", this.#at(collection, "rollback"), { signal });
  }

  /** A page of items whose labels look wrong: `target`, `limit`, `cursor`. @returns {Promise<Made & {suspects: object[], probable_errors: number, next_cursor: ?string}>} */
  listMislabelled({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "mislabelled"), query, { signal });
  }

  /** A page of items that are unlike all others: `limit`, `cursor`. @returns {Promise<Made & {suspects: object[], next_cursor: ?string}>} */
  listOutliers({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "outliers"), query, { signal });
  }

  /** Points of the map in columns: `sample`, `limit`, `cursor`. @returns {Promise<Made & {ids: string[], x: number[], y: number[], next_cursor: ?string}>} */
  getMap({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "map"), query, { signal });
  }

  /* Uploads */

  /** Open an upload; with `name` and `content` (a Blob or bytes) that one file is it. */
  createUpload({ collection, signal, idempotencyKey, name, content } = NONE) {
    const headers = keyed(idempotencyKey);
    const address = this.#at(collection, "uploads");
    if (!name) return this.#send("POST", address, { json: {}, headers, signal });
    const sent = { ...headers, "Content-Type": "application/octet-stream" };
    return this.#send("POST", address, { query: { name }, body: content, headers: sent, signal });
  }

  /** Stage a file under a relative path. @param {Blob | Uint8Array | string} content */
  putUploadFile(uploadId, name, content, { collection, signal } = NONE) {
    const address = this.#at(collection, "uploads", uploadId, "files", name);
    const headers = { "Content-Type": "application/octet-stream" };
    return this.#send("PUT", address, { body: content, headers, signal });
  }

  /** An upload with a page of its files; `columns: true` tells what is in its table. */
  getUpload(uploadId, { collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "uploads", uploadId), query, { signal });
  }

  /** A page of uploads: `limit`, `cursor`. */
  listUploads({ collection, signal, ...query } = NONE) {
    return this.#get(this.#at(collection, "uploads"), query, { signal });
  }

  /** All uploads. @returns {AsyncGenerator<object>} */
  uploads = (options = NONE) => pages((page) => this.listUploads(page), "uploads", options);

  deleteUpload(uploadId, { collection, signal } = NONE) {
    return this.#send("DELETE", this.#at(collection, "uploads", uploadId), { signal });
  }

  /* Jobs */

  /** @param {string} kind @param {Record<string, *>} parameters Those of the kind. @returns {Promise<Job>} */
  createJob(kind, parameters = {}, { collection, signal, idempotencyKey } = NONE) {
    const json = { kind, ...parameters };
    const headers = keyed(idempotencyKey);
    return this.#send("POST", this.#at(collection, "jobs"), { json, headers, signal });
  }

  /** A page of jobs, newest first: `collection`, `kind`, `state`, `limit`, `cursor`. */
  listJobs = ({ signal, ...query } = NONE) => this.#get("/v1/jobs", query, { signal });

  /** All jobs. @returns {AsyncGenerator<Job>} */
  jobs = (options = NONE) => pages((page) => this.listJobs(page), "jobs", options);

  /** @returns {Promise<Job>} */
  getJob = (jobId, options = NONE) => this.#get(jobAt(jobId), {}, options);

  cancelJob = (jobId, { signal } = NONE) => this.#send("DELETE", jobAt(jobId), { signal });

  /** @returns {Promise<Blob>} JSON lines. */
  getJobRejects = (jobId, { signal } = NONE) =>
    this.#get(jobAt(jobId, "rejects"), {}, { signal, as: "blob" });

  /** @returns {Promise<Blob>} */
  getJobFile = (jobId, name, { signal } = NONE) =>
    this.#get(jobAt(jobId, "files", name), {}, { signal, as: "blob" });

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
        if (!(error instanceof Problem) || error.status || failures >= this.#retries) throw error;
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

  /* How */

  #at(collection, ...parts) {
    return addressOf("collections", collection ?? this.#collection, ...parts);
  }

  #get(address, query, { signal, as } = NONE) {
    return this.#send("GET", address, { query, signal, as });
  }

  /** @param {string} verb @param {Subject} subject */
  async #ask(verb, { image, ...subject }, { collection, signal, box, ...options } = NONE) {
    const address = this.#at(collection, verb);
    if (!image || subject.query_token) {
      const json = { ...subject, ...options, ...(!image && { box }) }; // a token has a box of its own
      try {
        return await this.#send("POST", address, { json, signal, asks: true });
      } catch (error) {
        if (!image || error.code !== "query_expired") throw error;
      }
    }
    const { like, unlike } = subject;
    const body = formOf({ image, like, unlike, box, ...options });
    return this.#send("POST", address, { body, signal, asks: true });
  }

  async #askMany(verb, subjects, { collection, signal, ...options } = NONE) {
    const json = { queries: await Promise.all(subjects.map(withBase64)), ...options };
    return this.#send("POST", this.#at(collection, verb), { json, signal, asks: true });
  }

  async *#listen(jobId, stream, signal) {
    const headers = stream.lastId ? { "Last-Event-ID": stream.lastId } : {};
    const response = await this.#fetch("GET", jobAt(jobId, "events"), { headers, signal });
    if (!response.ok) throw await problemOf(response);
    stream.ended = response.status === 204; // the last event is known already
    if (stream.ended) return;
    for await (const line of linesOf(response.body, signal)) {
      const event = eventOf(line, stream);
      if (event) yield event;
    }
  }

  /** Send a request until it is answered, or not to be repeated. */
  async #send(method, address, { asks = false, as, ...request } = NONE) {
    const mayRepeat = asks || SAFE_TO_REPEAT.has(method) || "Idempotency-Key" in (request.headers ?? {});
    for (let attempt = 0; ; attempt += 1) {
      const last = !mayRepeat || attempt >= this.#retries;
      try {
        const response = await this.#fetch(method, address, request);
        if (response.ok) return await bodyOf(response, as);
        const problem = await problemOf(response);
        const after = problem.retryAfterS;
        const repeats = REPEATED.has(response.status) || problem.code === STILL_AT_WORK;
        if (last || !repeats || after > LONGEST_RETRY_AFTER_S) throw problem;
        await sleep(Math.max(after * 1000, pauseMs(attempt)), request.signal);
      } catch (error) {
        if (last || !(error instanceof Problem) || error.status) throw error;
        await sleep(pauseMs(attempt), request.signal);
      }
    }
  }

  async #fetch(method, address, { query = {}, headers = {}, json, body, signal } = NONE) {
    const asked = new URLSearchParams(texts(query));
    const url = `${this.#url}${address}${asked.size ? `?${asked}` : ""}`;
    const sent = { ...this.#headers, ...headers };
    if (json !== undefined) sent["Content-Type"] = "application/json";
    const content = json === undefined ? body : JSON.stringify(json);
    try {
      return await this.#transport(url, { method, headers: sent, body: content, signal });
    } catch (error) {
      if (signal?.aborted || error.name === "AbortError") throw error;
      throw new Problem({
        title: "No answer from the server",
        detail: "Check the connection and try again.",
        code: "network",
      });
    }
  }
}

/**
 * Resolves after a while; rejects when it is not wanted any more.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 */
export function sleep(ms, signal) {
  return new Promise((/** @type {(value?: void) => void} */ resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

const addressOf = (...parts) => `/v1/${parts.map(escaped).join("/")}`;
const escaped = (part) => encodeURIComponent(part).replaceAll("%3A", ":");
const jobAt = (jobId, ...parts) => addressOf("jobs", jobId, ...parts);
const keyed = (key) => ({ "Idempotency-Key": key ?? crypto.randomUUID() });
const pauseMs = (attempt) =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + Math.random() / 2);

/** Options that are given, as fields of a form or an address have them. */
const texts = (options) =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name, name === "facets" ? [value].flat().join(",") : text(value)]);

const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function formOf({ image, ...fields }) {
  const form = new FormData();
  form.set("image", image instanceof Blob ? image : new Blob([image]));
  for (const [name, value] of texts(fields)) form.set(name, value);
  return form;
}

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

async function bodyOf(response, as) {
  if (as === "blob") return response.blob();
  return response.status === 204 ? undefined : response.json();
}

async function problemOf(response) {
  const { status } = response;
  const fallback = { title: "The server could not answer", detail: "", code: `http_${status}` };
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  const body = await response.json().catch(() => ({}));
  return new Problem({ ...fallback, ...body, status, retryAfterS });
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
