/* The last few photos of this visit, in memory only, so that the back button
   finds them again. A reload forgets them. */

const KEPT = 8;
const photos = new Map();
let lastId = Date.now(); // ids of an earlier visit, still in the history, must not match

/** Keep a file; the answer is its number. */
export function keep(file) {
  lastId += 1;
  photos.set(lastId, { file, url: URL.createObjectURL(file) });
  if (photos.size > KEPT) {
    const [oldest, { url }] = photos.entries().next().value;
    URL.revokeObjectURL(url);
    photos.delete(oldest);
  }
  return lastId;
}

/** The photo `{file, url}` with this number, or undefined. */
export function recall(id) {
  return photos.get(id);
}
