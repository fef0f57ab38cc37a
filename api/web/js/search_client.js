/* What a page for shoppers asks: searches, and what stands around them. All operations are in client.js,
   which goes on from here. */

/** @typedef {{collection?: string, signal?: AbortSignal}} Common */
/** @type {Common & Record<string, *>} */
export const NONE = Object.freeze({});
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
 * @typedef {Item & {score?: number, likeness?: ?string, same_picture?: boolean, views?: {count: number, item_ids: string[]}, explanation?: *}} Neighbor
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
/** @typedef {{label: string, count: number, example: {item_id: string, image_url: string}}} Label */
/** @typedef {{scope: "read"|"write"|"admin", collections: ?string[], anonymous: ?string, read_only: boolean}} Access */

const REPEATED = new Set([429, 502, 503, 504]);
const SAFE_TO_REPEAT = new Set(["GET", "PUT", "DELETE"]);
const STILL_AT_WORK = "idempotency_key_in_use"; // the first one, whose answer did not arrive
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
const LONGEST_RETRY_AFTER_S = 60;

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

/** Names with an underscore are for client.js alone. */
export class SearchClient {
  #url;
  _collection;
  _retries;
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
    this._collection = collection;
    this._retries = retries;
    this.#headers = headers;
    this.#transport = transport ?? ((url, request) => globalThis.fetch(url, request));
  }

  /* The server */

  readyz = (options = NONE) => this._get("/readyz", {}, options);

  /** What may be done with the key of this client. @returns {Promise<Access>} */
  getAccess = (options = NONE) => this._get("/v1/access", {}, options);

  /* Questions */

  /**
   * What looks like this, best first.
   * @param {Subject} subject
   * @param {Common & Record<string, *>} [options] Those of the API: `k`, `filter`, `box`...
   * @returns {Promise<SearchAnswer>}
   */
  search(subject, options = NONE) {
    return this._ask("search", subject, options);
  }

  /**
   * What class is this, by the vote of the neighbors.
   * @param {Subject} subject
   * @param {Common & Record<string, *>} [options]
   * @returns {Promise<SearchAnswer & Prediction>}
   */
  classify(subject, options = NONE) {
    return this._ask("classify", subject, options);
  }

  /* Items */

  /**
   * A page of items: `filter`, `q`, `sort`, `limit`, `cursor`.
   * @returns {Promise<{items: Item[], total: number, next_cursor: ?string}>}
   */
  listItems({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "items"), query, { signal });
  }

  /** @returns {Promise<Item>} */
  getItem(itemId, { collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "items", itemId), query, { signal });
  }

  /* Collections */

  listCollections = (options = NONE) => this._get("/v1/collections", {}, options);

  /**
   * A page of labels: `under`, `q`, `limit`, `cursor`.
   * @returns {Promise<{labels: Label[], next_cursor: ?string}>}
   */
  listLabels({ collection, signal, ...query } = NONE) {
    return this._get(this._at(collection, "labels"), query, { signal });
  }

  /** How many items have which value of the fields. @param {string[]} fields */
  listFacets(fields, { collection, signal, filter } = NONE) {
    const query = { fields: fields.join(","), filter };
    return this._get(this._at(collection, "facets"), query, { signal });
  }

  /* How */

  _at(collection, ...parts) {
    return addressOf("collections", collection ?? this._collection, ...parts);
  }

  _get(address, query, { signal, as } = NONE) {
    return this._send("GET", address, { query, signal, as });
  }

  /** @param {string} verb @param {Subject} subject */
  async _ask(verb, { image, ...subject }, { collection, signal, box, ...options } = NONE) {
    const address = this._at(collection, verb);
    if (!image || subject.query_token) {
      const json = { ...subject, ...options, ...(!image && { box }) }; // a token has a box of its own
      try {
        return await this._send("POST", address, { json, signal, asks: true });
      } catch (error) {
        if (!image || error.code !== "query_expired") throw error;
      }
    }
    const { like, unlike } = subject;
    const body = formOf({ image, like, unlike, box, ...options });
    return this._send("POST", address, { body, signal, asks: true });
  }

  /** Send a request until it is answered, or not to be repeated. */
  async _send(method, address, { asks = false, as, ...request } = NONE) {
    const mayRepeat = asks || SAFE_TO_REPEAT.has(method) || "Idempotency-Key" in (request.headers ?? {});
    for (let attempt = 0; ; attempt += 1) {
      const last = !mayRepeat || attempt >= this._retries;
      try {
        const response = await this._fetch(method, address, request);
        if (response.ok) return await bodyOf(response, as, request.signal);
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

  async _fetch(method, address, { query = {}, headers = {}, json, body, signal } = NONE) {
    const asked = new URLSearchParams(texts(query));
    const url = `${this.#url}${address}${asked.size ? `?${asked}` : ""}`;
    const sent = { ...this.#headers, ...headers };
    if (json !== undefined) sent["Content-Type"] = "application/json";
    const content = json === undefined ? body : JSON.stringify(json);
    try {
      return await this.#transport(url, { method, headers: sent, body: content, signal });
    } catch (error) {
      throw noAnswer(error, signal);
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

/** A text of so many random bytes; `randomUUID` is missing in pages that came over plain http. @param {number} bytes */
export const randomId = (bytes) =>
  [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Whether a file can be: a folder cannot, nor what was moved or changed since it was chosen. @param {Blob} file */
export const isReadable = (file) =>
  file.slice(0, 1).arrayBuffer().then(
    () => true,
    () => false,
  );

export const addressOf = (...parts) => `/v1/${parts.map(escaped).join("/")}`;
const escaped = (part) => encodeURIComponent(part).replaceAll("%3A", ":");
const pauseMs = (attempt) =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + Math.random() / 2);

/** Options that are given, as fields of a form or an address have them. */
const texts = (options) =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name, name === "facets" ? [value].flat().join(",") : text(value)]);

const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

export function formOf({ image, ...fields }) {
  const form = new FormData();
  form.set("image", image instanceof Blob ? image : new Blob([image]));
  for (const [name, value] of texts(fields)) form.set(name, value);
  return form;
}

/** @throws {Problem} The answer broke off. */
async function bodyOf(response, as, signal) {
  try {
    if (as === "blob") return await response.blob();
    if (as === "tagged") return { item: await response.json(), tag: response.headers.get("ETag") };
    return response.status === 204 ? undefined : await response.json();
  } catch (error) {
    throw noAnswer(error, signal);
  }
}

/** What to throw where nothing came, or not all of it. @param {any} error @param {AbortSignal} [signal] */
function noAnswer(error, signal) {
  if (signal?.aborted || error.name === "AbortError" || error instanceof Problem) return error;
  const detail = "Check the connection and try again.";
  return new Problem({ title: "No answer from the server", detail, code: "network" });
}

export async function problemOf(response) {
  const { status } = response;
  const fallback = { title: "The server could not answer", detail: "", code: `http_${status}` };
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  const body = await response.json().catch(() => ({}));
  return new Problem({ ...fallback, ...body, status, retryAfterS });
}
