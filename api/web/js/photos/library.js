/* The photos of this browser: kept on this device only (IndexedDB), so that a reload, going back or
   a dropped tab do not lose them. Without IndexedDB they last as long as the page. */

import { isReadable, randomId } from "../search_client.js";

/**
 * @typedef {{id: string, name: string, bytes: number, blob: Blob, url: string, time: number, count: number}} Photo `bytes`
 *   of the file before it was made smaller; `count` is how many came at
 *   once, of which it was the first, as long as the page is open.
 */

const KEPT = 12;
const STORE = "photos";
/** @type {Map<string, Photo>} */
const known = new Map();
/** @type {?Promise<IDBDatabase>} */
let opening = null;

/** Keep a photo; the answer is its id. @param {string} name @param {number} bytes @param {Blob} blob @param {number} count */
export async function keep(name, bytes, blob, count) {
  const id = randomId(4);
  const record = { id, name, bytes, blob, time: Date.now() };
  remember({ ...record, count });
  if (await isReadable(blob)) await stored("readwrite", (store) => store.put(record));
  const old = (await recent()).slice(KEPT);
  await Promise.all(old.map((photo) => forget(photo.id)));
  return id;
}

/**
 * The photo with this id, or undefined where this browser has none.
 * @param {string} id
 * @returns {Promise<Photo | undefined>}
 */
export async function recall(id) {
  if (known.has(id)) return known.get(id);
  const record = await stored("readonly", (store) => store.get(id));
  return record && remember(record);
}

/** All photos, the newest first. @returns {Promise<Photo[]>} */
export async function recent() {
  const records = (await stored("readonly", (store) => store.getAll())) ?? [];
  for (const record of records) if (!known.has(record.id)) remember(record);
  return [...known.values()].sort((a, b) => b.time - a.time);
}

/** @param {string} id */
export async function forget(id) {
  URL.revokeObjectURL(known.get(id)?.url ?? "");
  known.delete(id);
  await stored("readwrite", (store) => store.delete(id));
}

function remember(record) {
  const photo = { ...record, url: URL.createObjectURL(record.blob) };
  known.set(record.id, photo);
  return photo;
}

/** What a request to the store answers; undefined where this browser keeps nothing. */
async function stored(mode, ask) {
  try {
    opening ??= openDatabase();
    const store = (await opening).transaction(STORE, mode).objectStore(STORE);
    return await answerOf(ask(store));
  } catch {
    return undefined; // private windows and full disks: memory has to do
  }
}

function openDatabase() {
  const request = indexedDB.open("eyedex", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return answerOf(request);
}

/** @returns {Promise<any>} */
const answerOf = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
