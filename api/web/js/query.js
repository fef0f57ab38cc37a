/* What is searched by: the preview, its name, and the buttons under it. */

import { byId, el, labelText, sized } from "./dom.js";
import { fileSize, itemName, itemPrice, lastPart, shorten } from "./format.js";

const WARNINGS = {
  end_mark_missing: "Its end mark is missing; all of its pixels are there.",
  first_frame_used: "Only its first frame was used.",
  colour_profile_ignored: "Its colour profile is damaged and was ignored.",
};

const preview = byId("preview");
const image = byId("preview-image");
const name = byId("query-name");
const detail = byId("query-detail");
const photoButton = byId("photo-button");
const clearButton = byId("clear");

image.addEventListener("error", () => (preview.hidden = true)); // not a picture: the answer says so

export function onClear(clear) {
  clearButton.addEventListener("click", clear);
}

export function hide() {
  set({ src: null, title: "", children: [] });
}

export function showPhoto({ file, url }) {
  set({ src: url, title: shorten(file.name, 60), children: [fileSize(file.size)] });
}

/** Before the item itself has arrived, all that is known is its id. */
export function showItemId(itemId) {
  set({ src: image.getAttribute("src"), title: lastPart(itemId), children: [] });
}

export function showItem(item) {
  const price = itemPrice(item);
  const lines = [item.label && labelText(item.label), price && el("br"), price];
  set({ src: sized(item.image_url, 640), title: itemName(item), children: lines.filter(Boolean) });
}

/** Codes the server sent along with a good answer, in words. */
export function showWarnings(codes) {
  for (const code of codes ?? []) detail.append(" ", WARNINGS[code] ?? code.replaceAll("_", " "));
}

function set({ src, title, children }) {
  const used = Boolean(title);
  preview.hidden = !src;
  if (!src) image.removeAttribute("src");
  else if (image.getAttribute("src") !== src) image.src = src;
  image.alt = title;
  name.hidden = detail.hidden = clearButton.hidden = !used;
  name.textContent = title;
  detail.replaceChildren(...children);
  photoButton.textContent = used ? "New photo" : "Choose a photo";
}
