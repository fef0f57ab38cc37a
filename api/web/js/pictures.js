/* Pictures of the API in images: by their address, or fetched with the key where that is needed. */

import { keyHeaders, picturesNeedKey } from "./access.js";

const AHEAD = "400px"; // so far before it is seen an image is loaded

/** @type {WeakMap<Element, string>} */
const awaited = new WeakMap();
/** @type {?IntersectionObserver} */
let seen = null;

/**
 * Show a picture. It fires `load` or `error` at the image as ever.
 * @param {HTMLImageElement} image @param {string} src @param {string} [srcset]
 */
export function showPicture(image, src, srcset = "") {
  if (!picturesNeedKey() || src.startsWith("blob:")) {
    image.src = src;
    if (srcset) image.srcset = srcset;
    return;
  }
  awaited.set(image, src);
  seen ??= new IntersectionObserver(loadSeen, { rootMargin: AHEAD });
  seen.observe(image);
}

/** @param {IntersectionObserverEntry[]} entries */
function loadSeen(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen?.unobserve(target);
    fetchPicture(/** @type {HTMLImageElement} */ (target));
  }
}

/** @param {HTMLImageElement} image */
async function fetchPicture(image) {
  const src = awaited.get(image) ?? "";
  const response = await fetch(src, { headers: keyHeaders() }).catch(() => null);
  if (!response?.ok) {
    image.dispatchEvent(new Event("error"));
    return;
  }
  const url = URL.createObjectURL(await response.blob());
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}
