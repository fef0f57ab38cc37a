/* Files that a reader chose. */

/** Whether it can be read: a folder cannot, nor what was moved or changed since. @param {Blob} file */
export const isReadable = (file) =>
  file.slice(0, 1).arrayBuffer().then(
    () => true,
    () => false,
  );
