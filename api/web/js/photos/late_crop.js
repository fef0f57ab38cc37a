/* The photo, and on it the crop box, whose module comes when it is first seen: on a phone, when its
   sheet is opened. */

import { el } from "../dom.js";
import { late } from "../late.js";

/** @param {(box: ?string, isDot?: boolean) => void} chosen As of `CropBox`. */
export function lateCrop(chosen) {
  const photo = el("img", { class: "crop-photo", draggable: "false", alt: "" });
  const stage = el("div", { class: "crop" }, photo);
  const element = el("div", { class: "crop-panel" }, stage);
  const load = late(async () => new (await import("./crop.js")).CropBox(stage, chosen));
  /** @type {?import("./crop.js").CropBox} */
  let crop = null;
  /** @type {?string} */
  let shown = null;
  photo.addEventListener("error", () => (stage.hidden = true));
  photo.addEventListener("load", () => (stage.hidden = false));

  /** Lay the box over the photo; without a connection the photo is there all the same. */
  async function see() {
    crop ??= await load().catch(() => null);
    if (crop) crop.box = shown;
  }

  return {
    element,
    see,
    /** @param {string} url @param {string} name @param {?string} box */
    show(url, name, box) {
      shown = box;
      if (photo.getAttribute("src") !== url) {
        photo.src = url;
        crop?.begin();
      }
      photo.alt = name;
      if (crop || element.checkVisibility()) see();
    },
    /** @param {{box: number[]}[]} regions */
    offer: (regions) => crop?.offer(regions),
  };
}
