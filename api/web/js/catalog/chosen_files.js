/* Files that were chosen or dropped, folders with all that is in them. */

/** @typedef {{name: string, file: File}} Chosen The name is a path where it came with a folder. */
/** @typedef {{name: string, file: ?File}} Found Null where it cannot be read. */
/** @typedef {"picture"|"table"|"archive"} Kind */

/* As the server tells files apart (indexer/staged_files.py); their content is looked at there. */
const KINDS = /** @type {[Kind, RegExp][]} */ ([
  ["archive", /\.(zip|tar|tar\.(gz|bz2|xz))$/i],
  ["table", /\.(csv|tsv|tab|txt|json|jsonl|ndjson|xml|parquet|xlsx|xlsm)(\.gz)?$/i],
  ["picture", /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|heic|heif|avif)$/i],
]);

/** @param {string} name @returns {?Kind} Null for what no job reads, such as hidden files. */
export function kindOf(name) {
  if (name.split("/").some((part) => part.startsWith("."))) return null;
  return KINDS.find(([, pattern]) => pattern.test(name))?.[0] ?? null;
}

/**
 * Which of them a job could read; a text among pictures is hardly their table.
 * @param {Found[]} chosen @returns {Chosen[]}
 */
export function readable(chosen) {
  const there = chosen.flatMap(({ name, file }) => (file ? [{ name, file }] : []));
  const hasPictures = there.some(({ name }) => kindOf(name) === "picture");
  return there.filter(({ name }) => kindOf(name) !== null && !(hasPictures && /\.txt$/i.test(name)));
}

/** @param {Iterable<File>} files @returns {Chosen[]} */
export const ofInput = (files) =>
  [...files].map((file) => ({ name: inner(file.webkitRelativePath) || file.name, file }));

/** @param {DataTransfer} transfer @returns {Promise<Found[]>} */
export async function ofDrop(transfer) {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry !== null && entry !== undefined);
  if (!entries.length) return ofInput(transfer.files);
  const found = (await Promise.all(entries.map(walk))).flat();
  const [only] = entries;
  if (entries.length > 1 || !only.isDirectory) return found;
  return found.map(({ name, file }) => ({ name: inner(name), file })); // as a folder that is chosen
}

/** @param {FileSystemEntry} entry @returns {Promise<Found[]>} */
async function walk(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  try {
    return await inside(entry, name);
  } catch {
    return [{ name, file: null }];
  }
}

/** @param {FileSystemEntry} entry @param {string} name @returns {Promise<Found[]>} */
async function inside(entry, name) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    return [{ name, file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(walk))).flat());
  }
}

/** A path without the folder that was chosen. @param {string} path */
const inner = (path) => path.slice(path.indexOf("/") + 1);
