/* Colours that were found in pictures: a field of its own, shown as swatches. */

export const PICTURE_COLOR = "picture_color";

/** @type {Record<string, string>} */
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

/** A colour by its name, to be shown; names are those of `search_engine/images/color_names.py`. @param {string} name */
export const hexOf = (name) => HEX[name] ?? "none";
