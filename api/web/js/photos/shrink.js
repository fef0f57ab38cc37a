/* A photo made smaller before it is sent: no encoder looks at more than this. */

const LONG_SIDE_PX = 1024;
const SMALL_BYTES = 400_000;
const QUALITY = 0.9;

/**
 * An upright JPEG of at most 1,024 pixels; the file itself where it is small enough, or where this
 * browser cannot read it: whether it is a photo is for the server to say.
 * @param {Blob} file @returns {Promise<Blob>}
 */
export async function shrink(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return file;
  }
  const scale = LONG_SIDE_PX / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1 && file.size <= SMALL_BYTES) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * Math.min(1, scale)));
  canvas.height = Math.max(1, Math.round(bitmap.height * Math.min(1, scale)));
  const context = canvas.getContext("2d");
  if (!context) return file;
  context.fillStyle = "#fff"; // what is transparent is white, as the server sees it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const small = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return small && small.size < file.size ? small : file;
}
