/* What is searched by: the photo with its crop box, or the item. On a phone a strip that stays. */

import { button, el, icon, iconButton, picture, sized } from "../dom.js";
import { itemName, itemPrice, percent, shorten } from "../format.js";
import { t } from "../language.js";
import { lateCrop } from "../photos/late_crop.js";
import { fileButton } from "../photos/source.js";
import { showPicture } from "../pictures.js";
import { uploads } from "../server.js";
import { Sheet } from "../sheet.js";
import { wordsBox } from "./words_box.js";

/**
 * @param {HTMLInputElement} choose The input that a photo is chosen with.
 * @param {{crop: (box: ?string) => void, search: (words: ?string) => void, clear: () => void}} actions
 */
export function queryPanel(choose, actions) {
  const words = wordsBox(t("search.words_beside"), actions.search);
  const crop = lateCrop((box, isDot) => {
    actions.crop(box);
    if (isDot) sheet.close();
  });
  const sheet = new Sheet(t("crop.title"), crop.element);
  const thumb = el("img", { alt: "", draggable: "false" });
  const openCrop = button({ class: "query-thumb", click: () => openSheet() }, thumb);
  /** @type {?(() => void)} */
  let cropSeen = null;
  const openSheet = () => {
    sheet.open();
    crop.see();
    cropSeen?.();
    cropSeen = null;
  };
  const itemPicture = el("div", { class: "query-item", hidden: true });
  const name = el("p", { class: "query-name" });
  const detail = el("p", { class: "query-detail" });
  const progress = el("progress", { max: 1, "aria-label": t("query.upload") });
  const sent = el("span", {});
  const upload = el(
    "div",
    { class: "upload", hidden: true },
    el("span", { role: "status" }, sent),
    progress,
    button({ class: "button button-small", click: () => actions.clear() }, t("query.cancel")),
  );
  const another = fileButton(choose, icon("camera"), el("span", {}, t("query.new")));
  const clear = iconButton("close", t("query.clear"), { click: () => actions.clear() });
  const element = el(
    "section",
    { class: "query", "aria-label": t("query.section"), hidden: true },
    openCrop,
    crop.element,
    itemPicture,
    el("div", { class: "query-text" }, name, detail, upload, words.element),
    el("div", { class: "query-actions" }, another, clear),
  );

  uploads.addEventListener("progress", (event) => {
    const share = /** @type {CustomEvent<number>} */ (event).detail;
    progress.value = share;
    sent.textContent = share < 1 ? t("query.uploading", { share: percent(share) }) : t("query.looking");
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
      show({ title: t("query.photo"), lines: [photo.count > 1 && t("query.first", { count: photo.count }), box && t("query.part")], src: photo.url });
      crop.element.hidden = false;
      crop.show(photo.url, t("query.photo"), box);
      itemPicture.hidden = true;
      openCrop.disabled = false;
      openCrop.setAttribute("aria-label", t("crop.title"));
    },
    /** @param {?import("../search_client.js").Item} item Null before it has arrived. @param {string} itemId */
    showItem(item, itemId) {
      crop.element.hidden = true;
      openCrop.disabled = true;
      openCrop.setAttribute("aria-label", t("query.searched_by"));
      itemPicture.hidden = !item;
      if (item) itemPicture.replaceChildren(picture(item.image_url ?? "", itemName(item)));
      show({
        title: item ? itemName(item) : shorten(itemId, 60),
        lines: item ? [itemPrice(item)] : [],
        src: item && sized(item.image_url ?? "", 320),
      });
    },
    words,
    /** Nothing but words, which stand in their box. */
    showWords() {
      crop.element.hidden = itemPicture.hidden = true;
      show({ title: "", lines: [], src: null });
    },
    /** Only items to like are searched by. @param {number} count */
    showLikes(count) {
      crop.element.hidden = itemPicture.hidden = true;
      show({ title: t("query.likes", { count }), lines: [], src: null });
    },
    /** Do something once the crop box is seen: on a phone when it is opened. @param {() => void} act */
    whenCropSeen(act) {
      cropSeen = crop.element.checkVisibility() ? null : act;
      if (!cropSeen) (window.requestIdleCallback ?? setTimeout)(act);
    },
    /** Whether the reader is at the crop box, and may move it on. */
    get isCropping() {
      const active = document.activeElement;
      return active !== null && crop.element.contains(active) && active.checkVisibility();
    },
    /** @param {{box: number[]}[]} regions */
    offer: (regions) => crop.offer(regions),
    /** What leads to the crop box; null where it is seen beside the results. */
    get openPart() {
      return crop.element.checkVisibility() ? null : openSheet;
    },
    /** @param {boolean} running */
    set uploading(running) {
      upload.hidden = !running;
      if (running) {
        progress.removeAttribute("value");
        sent.textContent = t("query.preparing");
      }
    },
    hide: () => (element.hidden = true),
    closeSheet: () => sheet.close(),
  };
}
