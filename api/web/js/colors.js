/* Colours that were found in pictures: a field of its own, shown as swatches. */

import { el } from "./dom.js";

export const PICTURE_COLOR = "picture_color";

const HEX = {
  black: "#1d1d22",
  white: "#ffffff",
  grey: "#929591",
  beige: "#e2d5c3",
  brown: "#7b5a3c",
  red: "#d01f1f",
  pink: "#f48fb1",
  orange: "#f57c1f",
  yellow: "#f5d033",
  green: "#3a9a47",
  teal: "#1e8a8c",
  blue: "#2f6fd0",
  navy: "#24345f",
  purple: "#7e3f9c",
};

/** The swatch of a colour by its name. */
export function swatch(name) {
  const found = el("span", { class: "swatch", "aria-hidden": "true" });
  found.style.background = HEX[name] ?? "none";
  return found;
}
