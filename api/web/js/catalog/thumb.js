/* The picture of an item beside its name. */

import { el, picture } from "../dom.js";

/** @param {import("../client.js").Item} item */
export const thumb = ({ image_url: url }) =>
  url
    ? picture(url, "", "No picture")
    : el("div", { class: "picture" }, el("span", { class: "picture-missing" }, "No picture"));
