/* What to look through in a collection: duplicates, labels that look wrong, outliers, the map. */

import { el, fillTabs, styles } from "../dom.js";
import { loadWords, t } from "../language.js";
import { lateParts } from "../late.js";
import { REVIEWS, START, toUrl } from "./address.js";

/** @typedef {import("./view.js").PartView} PartView */

const LOAD = {
  duplicates: () => import("./review.js"),
  labels: () => import("./review/labels.js"),
  outliers: () => import("./review/outliers.js"),
  map: () => import("./review/map.js"),
};

/** @param {import("./view.js").Around} around @returns {Promise<PartView>} */
export async function open(around) {
  await Promise.all([styles("review"), loadWords("review")]);
  const nav = el("nav", { class: "tabs", "aria-label": t("review.reviews") });
  const place = el("div", {});
  const partOf = lateParts(LOAD, around);

  return {
    element: el("div", { class: "stack" }, nav, place),
    async show(state, signal, described) {
      const { collection, review } = state;
      fillTabs(
        nav,
        ...REVIEWS.map((each) =>
          el(
            "a",
            {
              class: "tab",
              href: toUrl({ ...START, collection, part: "review", review: each }),
              "aria-current": each === review && "page",
            },
            t(`review.name.${each}`),
          ),
        ),
      );
      /** @type {PartView} */
      const part = await partOf(review, collection);
      if (signal.aborted) return;
      if (part.element.parentNode !== place) place.replaceChildren(part.element);
      await part.show(state, signal, described);
    },
  };
}
