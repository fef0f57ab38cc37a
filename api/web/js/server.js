/* The server that this page came from. What it cannot answer is shown at once, and asked again by
   the view. */

import { access, sendWithKey } from "./access.js";
import { Problem, SearchClient, isReadable, sleep } from "./search_client.js";

const LONGEST_PAUSE_MS = 5000;

/** Tells of photos on their way: `progress` events whose detail is the share that was sent, 0 to 1; of
    files likewise, as `file` events with `{file, share}`. */
export const uploads = new EventTarget();

export const server = new SearchClient({
  retries: 0,
  fetch: (url, request = {}) => sendWithKey(send, String(url), request),
});

/** Ask what may be done here, until the server has told. */
export async function findAccess() {
  for (;;) {
    try {
      return access.set(await server.getAccess());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code !== "network" && error.status < 500) return access.set(null);
      await untilReady(new AbortController().signal);
    }
  }
}

/**
 * Resolves once the server says that it can answer; asks ever less often, and at once when the
 * browser says that the network is back.
 * @param {AbortSignal} signal
 */
export async function untilReady(signal) {
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    await Promise.race([sleep(pause, signal), online(signal)]);
    try {
      return await server.readyz({ signal });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}

/** @param {AbortSignal} signal */
const online = (signal) =>
  new Promise((resolve) => addEventListener("online", resolve, { once: true, signal }));

let leaving = false;
addEventListener("pagehide", () => (leaving = true), { capture: true });
addEventListener("pageshow", () => (leaving = false));

/** What is sent while the page is left arrives all the same. @param {string} url @param {RequestInit} request */
export const send = (url, request) =>
  request.body instanceof FormData || request.body instanceof Blob
    ? sendWatched(url, request)
    : fetch(url, leaving ? { ...request, keepalive: true } : request);

/**
 * As `fetch`, which does not tell how much of a body was sent.
 * @param {string} url
 * @param {RequestInit} request
 * @returns {Promise<Response>}
 */
function sendWatched(url, { method = "POST", headers, body, signal }) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    const tell = (share) =>
      uploads.dispatchEvent(
        body instanceof Blob
          ? new CustomEvent("file", { detail: { file: body, share } })
          : new CustomEvent("progress", { detail: share }),
      );
    sending.open(method, url);
    for (const [name, value] of new Headers(headers)) sending.setRequestHeader(name, value);
    sending.upload.onprogress = ({ loaded, total }) => tell(total ? loaded / total : 0);
    sending.upload.onload = () => tell(1);
    const file = body instanceof Blob ? body : /** @type {FormData} */ (body).get("image");
    sending.onerror = async () =>
      reject(
        (await isReadable(/** @type {Blob} */ (file)))
          ? new TypeError("no answer")
          : new Problem({ title: "", code: "unreadable", status: 422 }),
      );
    sending.onabort = () => reject(signal?.reason);
    sending.onload = () =>
      resolve(new Response(sending.responseText, { status: sending.status, headers: headersOf(sending) }));
    signal?.addEventListener("abort", () => sending.abort(), { once: true });
    if (signal?.aborted) reject(signal.reason);
    else sending.send(/** @type {FormData|Blob} */ (body));
  });
}

const headersOf = (sending) =>
  sending
    .getAllResponseHeaders()
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(/:\s*/, 2));
