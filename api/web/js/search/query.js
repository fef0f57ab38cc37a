/* What is searched by: the photo with its crop box, or the item. On a phone a strip that stays. */

import { button, el, icon, iconButton, picture, sized } from "../dom.js";
import { itemName, itemPrice, shorten } from "../format.js";
import { CropBox } from "../photos/crop.js";
import { fileButton } from "../photos/source.js";
import { showPicture } from "../pictures.js";
import { uploads } from "../server.js";
import { Sheet } from "../sheet.js";

/**
 * @param {HTMLInputElement} choose The input that a photo is chosen with.
 * @param {{crop: (box: ?string) => void, clear: () => void, cancel: () => void}} actions
 */
export function queryPanel(choose, actions) {
  const crop = new CropBox((box) => actions.crop(box));
  const sheet = new Sheet("Choose a part", crop.element);
  const thumb = el("img", { alt: "", draggable: "false" });
  const openCrop = button({ class: "query-thumb", click: () => sheet.open() }, thumb);
  const itemPicture = el("div", { class: "query-item", hidden: true });
  const name = el("p", { class: "query-name" });
  const detail = el("p", { class: "query-detail" });
  const progress = el("progress", { max: 1, "aria-label": "Upload" });
  const sent = el("span", {});
  const upload = el(
    "div",
    { class: "upload", hidden: true },
    el("span", { role: "status" }, sent),
    progress,
    button({ class: "button button-small", click: () => actions.cancel() }, "Cancel"),
  );
  const another = fileButton(choose, icon("camera"), el("span", {}, "New photo"));
  const clear = iconButton("close", "Clear", { click: () => actions.clear() });
  const element = el(
    "section",
    { class: "query", "aria-label": "Your search", hidden: true },
    openCrop,
    crop.element,
    itemPicture,
    el("div", { class: "query-text" }, name, detail, upload),
    el("div", { class: "query-actions" }, another, clear),
  );

  uploads.addEventListener("progress", (event) => {
    const share = /** @type {CustomEvent<number>} */ (event).detail;
    progress.value = share;
    sent.textContent = share < 1 ? `Uploading ${Math.round(share * 100)} %` : "Looking…";
  });
  thumb.addEventListener("error", () => (openCrop.hidden = true)); // not a picture: the answer says so

  function show({ title, lines, src }) {
    element.hidden = false;
    name.textContent = title;
    detail.replaceChildren(
      ...lines.filter(Boolean).flatMap((line, index) => (index ? [el("br"), line] : [line])),
    );
    openCrop.hidden = !src;
    if (src && thumb.getAttribute("src") !== src) showPicture(thumb, src);
  }

  return {
    element,
    /** @param {import("../photos/library.js").Photo} photo @param {?string} box */
    showPhoto(photo, box) {
      show({ title: "Your photo", lines: [box && "A part of it"], src: photo.url });
      crop.show(photo.url, "Your photo", box);
      crop.element.hidden = false;
      itemPicture.hidden = true;
      openCrop.disabled = false;
      openCrop.setAttribute("aria-label", "Choose a part");
    },
    /** @param {?import("../client.js").Item} item Null before it has arrived. @param {string} itemId */
    showItem(item, itemId) {
      crop.element.hidden = true;
      openCrop.disabled = true;
      openCrop.setAttribute("aria-label", "Searched by");
      itemPicture.hidden = !item;
      if (item) itemPicture.replaceChildren(picture(item.image_url ?? "", itemName(item)));
      show({
        title: item ? itemName(item) : shorten(itemId, 60),
        lines: item ? [itemPrice(item)] : [],
        src: item && sized(item.image_url ?? "", 320),
      });
    },
    /** Only items to like are searched by. @param {number} count */
    showLikes(count) {
      crop.element.hidden = itemPicture.hidden = true;
      show({ title: `Like ${count} items`, lines: [], src: null });
    },
    /** @param {{box: number[]}[]} regions */
    offer: (regions) => crop.offer(regions),
    /** @param {boolean} running */
    set uploading(running) {
      upload.hidden = !running;
      if (running) {
        progress.removeAttribute("value");
        sent.textContent = "Preparing…";
      }
    },
    hide: () => (element.hidden = true),
    closeSheet: () => sheet.close(),
  };
}
