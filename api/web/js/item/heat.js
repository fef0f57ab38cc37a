/* A picture with what makes it match laid over it. */

import { el, icon, sized } from "../dom.js";
import { showPicture } from "../pictures.js";

const SHOWN_PX = 1024;

/**
 * @param {string} src Where the picture is served. @param {string} alt
 * @param {string} name What stands in its place where it is missing.
 */
export function heatPicture(src, alt, name) {
  const image = el("img", { alt, draggable: "false" });
  const element = el("div", { class: "heat-frame" }, image);
  image.addEventListener("error", () =>
    element.replaceChildren(el("span", { class: "picture-missing" }, icon("picture"), name)),
  );
  showPicture(image, src.startsWith("blob:") ? src : sized(src, SHOWN_PX));
  return {
    element,
    /** @param {?{box: number[], png?: string}} heat Null to see the picture alone. */
    show(heat) {
      element.querySelector(".heat")?.remove();
      if (!heat?.png) return;
      const overlay = el("img", { class: "heat", src: heat.png, alt: "" });
      heat.box.forEach((value, index) => overlay.style.setProperty(`--${"xywh"[index]}`, String(value)));
      element.append(overlay);
    },
  };
}
