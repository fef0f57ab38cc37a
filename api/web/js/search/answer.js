/* What the picture shows, in one line, and why: the class that the closest items vote for. */

import { bar, button, el, labelText } from "../dom.js";
import { itemName, lastPart, parentPath, percent, shortLabels, shorten, sureness } from "../format.js";
import { t, textOf } from "../language.js";
import { nothingNotice } from "../notices.js";

const SHOWN_VOTES = 5;
const SUPPORTED = 0.5; // a level of the path that is rather right than wrong

/**
 * The line; null where the catalog has no labels, and so no class.
 * @param {?import("../search_client.js").Prediction} prediction @param {(label: string) => string} hrefOf Where the page shows only this label.
 */
export function answerLine(prediction, hrefOf) {
  if (!prediction || prediction.reason === "no_labels") return null;
  const said = prediction.abstained ? doubt(prediction) : decision(prediction);
  return el(
    "div",
    { class: "answer" },
    el("p", { class: "answer-line", role: "status", "aria-label": t("answer.class") }, ...said),
    prediction.votes.length > 0 &&
      el("details", { class: "why" }, el("summary", {}, t("answer.why")), reasons(prediction, hrefOf)),
  );
}

/**
 * The banner above results that are not alike, which wait behind it, with what may find more.
 * @param {import("./address.js").State} state
 * @param {{anyway: () => void, turned: () => void, part: ?(() => void), more: () => void}} ways `part` is null
 *   where the crop box is seen.
 */
export function nothingAlike(state, { anyway, turned, part, more }) {
  const ways = [
    !state.turned && button({ click: turned }, t("answer.foreign.turned")),
    part && button({ click: part }, t("crop.title")),
    button({ click: more }, t("bar.more")),
  ];
  return nothingNotice(
    t("answer.foreign.title"),
    t("answer.foreign.text"),
    el(
      "p",
      { class: "visually-hidden", role: "status", "aria-label": t("answer.class") },
      ...doubt({ reason: "too_far" }),
    ),
    el(
      "div",
      { class: "offers" },
      button({ class: "button button-primary", click: anyway }, t("answer.foreign.anyway")),
      ...(state.photo ? ways : []),
    ),
  );
}

/**
 * What the results are called.
 * @param {import("./address.js").State} state
 * @param {?import("../search_client.js").Item} [item] The one that is searched by, once it has come.
 */
export function titleOf(state, item) {
  if (state.like.length || state.unlike.length) return t("answer.title.liked");
  if (state.photo) return t(state.box ? "answer.title.part" : "answer.title.photo");
  if (!state.item && state.q) return t("answer.title.words", { words: shorten(state.q, 60) });
  return item ? t("answer.title.item", { name: itemName(item) }) : t("answer.title.similar");
}

function decision(prediction) {
  const { label, confidence, calibrated } = prediction;
  const level = calibrated ? deepestSupported(prediction) : { label, confidence };
  const sure = calibrated
    ? sureness(level.confidence)
    : t("answer.votes", { share: percent(confidence) });
  const guess = level.label !== label && ` · ${t("answer.perhaps", { label: lastPart(label) })}`;
  return [el("strong", {}, lastPart(level.label)), " · ", sure, guess];
}

/** The deepest level of the label's path that can be relied on; the answer where none can. */
function deepestSupported({ label, confidence, levels }) {
  const supported = levels.filter((level) => level.confidence >= SUPPORTED);
  return supported.at(-1) ?? { label, confidence };
}

const doubt = ({ reason }) => [
  el("strong", {}, t("answer.unsure")),
  `: ${textOf(`answer.doubt.${reason}`, t("answer.doubt.other"))}`,
];

function reasons({ votes, levels, calibrated, voters }, hrefOf) {
  const shown = votes.slice(0, SHOWN_VOTES);
  const names = shortLabels(shown.map(({ label }) => label));
  const rest = votes.slice(SHOWN_VOTES).reduce((sum, vote) => sum + vote.share, 0);
  return el(
    "div",
    { class: "reasons" },
    el(
      "div",
      {},
      el("h2", { class: "eyebrow" }, t("answer.voters", { count: voters })),
      el(
        "ul",
        { class: "votes", role: "list" },
        ...shown.map(({ label, share }, at) =>
          row(el("a", { href: () => hrefOf(label), title: label }, labelText(names[at])), share),
        ),
        rest > 0.005 && row(t("answer.others", { count: votes.length - SHOWN_VOTES }), rest),
      ),
    ),
    calibrated &&
      levels.length > 0 &&
      el(
        "div",
        {},
        el("h2", { class: "eyebrow" }, t("answer.right")),
        el(
          "ul",
          { class: "votes", role: "list" },
          ...levels.map(({ label, confidence }) =>
            row(
              el("span", {}, parentPath(label) && labelText(`${parentPath(label)}/`), lastPart(label)),
              confidence,
            ),
          ),
        ),
      ),
  );
}

function row(name, share) {
  return el(
    "li",
    { class: "vote" },
    el("span", { class: "vote-label" }, name),
    el("span", { class: "vote-share" }, share >= 0.995 ? t("answer.over", { share: percent(0.99) }) : percent(share)),
    bar(share),
  );
}
