/* The picture of an item beside its name. */

import { el, picture } from "../dom.js";
import { t } from "../language.js";

/** @param {import("../client.js").Item} item */
export const thumb = ({ image_url: url }) =>
  url
    ? picture(url, "", t("items.no_picture"))
    : el("div", { class: "picture" }, el("span", { class: "picture-missing" }, t("items.no_picture")));
