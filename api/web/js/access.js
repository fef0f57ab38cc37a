/* Who may do what: the key of this tab, and what the server allows with it. */

import { Store } from "./store.js";

/** @typedef {import("./search_client.js").Access} Access */
/** @typedef {(url: string, request: RequestInit) => Promise<Response>} Send */

const NAME = "eyedex-key";

/** What may be done; null until the server has told. @type {Store<?Access>} */
export const access = new Store(/** @type {?Access} */ (null));

let key = stored();
let declined = false;
/** @type {?Promise<boolean>} */
let asking = null;

/** @param {?Access} allowed */
export const mayWrite = (allowed) => Boolean(allowed && !allowed.read_only && allowed.scope !== "read");
/** @param {?Access} allowed */
export const mayAdminister = (allowed) => Boolean(allowed && !allowed.read_only && allowed.scope === "admin");

export const hasKey = () => key !== "";

/** Whether an address alone shows no picture, as images are asked for without the key. */
export const picturesNeedKey = () => hasKey() && (access.value?.anonymous ?? null) === null;

/** What a request is sent with. @returns {Record<string, string>} */
export const keyHeaders = () => (key ? { Authorization: `Bearer ${key}` } : {});

/**
 * Send a request with the key. Where that is refused, ask for another one, once for all requests
 * that wait; a reader who declines is asked again only by `askForKey`.
 * @param {Send} send @param {string} url @param {RequestInit} request @returns {Promise<Response>}
 */
export async function sendWithKey(send, url, request) {
  const sent = key;
  const response = await send(url, { ...request, headers: { ...request.headers, ...keyHeaders() } });
  if (response.status !== 401 || declined) return response;
  if (sent === key && !(await askForKey(sent !== ""))) return response;
  request.signal?.throwIfAborted();
  return sendWithKey(send, url, request);
}

/**
 * Ask for a key in a dialog.
 * @param {boolean} wasRefused Whether the one before is not taken any more.
 * @returns {Promise<boolean>} Whether there is another one.
 */
export function askForKey(wasRefused = false) {
  asking ??= import("./key_dialog.js")
    .then(({ keyDialog }) => keyDialog(wasRefused, hasKey()))
    .then((given) => {
      declined = given === null;
      if (given !== null) keep(given);
      return given !== null;
    })
    .finally(() => (asking = null));
  return asking;
}

/** @param {string} given Empty to forget it. */
function keep(given) {
  key = given;
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    /* storage is switched off: the key lasts as long as the page */
  }
}

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
