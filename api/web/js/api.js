/* The HTTP API: addresses, requests, and problems (RFC 9457) as exceptions.
   Knows nothing of the page. Every call takes an AbortSignal. */

const LONGEST_PAUSE_MS = 5000;

/** An answer that is not a success, or no answer at all. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, code, request_id: requestId }) {
    super(detail || title);
    Object.assign(this, { title, detail, status, code, requestId });
  }

  get isNotReady() {
    return this.status === 503 && this.code === "not_ready";
  }
}

export const listCollections = async (signal) =>
  (await request("/v1/collections", { signal })).collections;

/**
 * Labels with how many items have them, at most `limit`; those that contain a text, if one is given.
 * @returns {Promise<{labels: object[], next_cursor: ?string}>} The cursor is null where that is all.
 */
export function listLabels(collection, { text = "", limit }, signal) {
  const query = new URLSearchParams({ limit });
  if (text) query.set("q", text);
  return request(`${path(collection)}/labels?${query}`, { signal });
}

/** How many items under the filter have which value of the fields; most frequent first. */
export async function listFacets(collection, fields, filter, signal) {
  const query = new URLSearchParams(texts({ fields: fields.join(","), filter }));
  return (await request(`${path(collection)}/facets?${query}`, { signal })).facets;
}

export const listItems = async (collection, limit, signal) =>
  (await request(`${path(collection)}/items?limit=${limit}`, { signal })).items;

export const getItem = (collection, item, signal) =>
  request(path(collection, "items", item), { signal });

/** Items like a stored one; the item itself is never among them. */
export function similar(collection, item, options, signal) {
  const query = new URLSearchParams(texts(options));
  return request(`${path(collection, "similar", item)}?${query}`, { signal });
}

/** Items like a photo. */
export const search = (collection, photo, options, signal) =>
  askAbout(`${path(collection)}/search`, photo, options, signal);

/** The class that the items like a photo vote for. */
export const classifyPhoto = (collection, photo, options, signal) =>
  askAbout(`${path(collection)}/classify`, photo, options, signal);

/** The class that the neighbours of a stored item vote for. */
export const classifyItem = (collection, item, signal) =>
  post(`${path(collection)}/classify`, JSON.stringify({ item_id: item }), signal);

/** Resolves once the server says that it can answer; asks ever less often. */
export async function untilReady(signal) {
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    await sleep(pause, signal);
    try {
      return await checkReady(signal);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}

export const checkReady = (signal) => request("/readyz", { signal });

function path(collection, verb, item) {
  const base = `/v1/collections/${encodeURIComponent(collection)}`;
  return item === undefined ? base : `${base}/${verb}/${encodeURIComponent(item)}`;
}

/** A photo that the server remembers is not uploaded again: its token stands for it. */
async function askAbout(address, photo, { token, ...options }, signal) {
  if (token) {
    try {
      return await post(address, JSON.stringify({ query_token: token, ...options }), signal);
    } catch (error) {
      if (error.code !== "query_expired") throw error;
    }
  }
  const form = new FormData();
  form.set("image", photo);
  for (const [name, text] of texts(options)) form.set(name, text);
  return post(address, form, signal);
}

/** Options that are given, as fields of a form or an address have them. */
const texts = (options) =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);

function post(address, body, signal) {
  const headers = typeof body === "string" ? { "Content-Type": "application/json" } : {};
  return request(address, { method: "POST", body, headers, signal });
}

async function request(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No answer from the server",
      detail: "Check the connection and try again.",
      code: "network",
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

async function problemOf(response) {
  const { status } = response;
  const fallback = { title: "The server could not answer", detail: "", code: `http_${status}` };
  const body = await response.json().catch(() => ({}));
  return new Problem({ ...fallback, ...body, status });
}

/** Resolves after a while; rejects when it is not wanted any more. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
