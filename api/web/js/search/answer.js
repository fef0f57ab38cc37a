/* What the picture shows, in one line, and why: the class that the closest items vote for. */

import { bar, button, el, labelText } from "../dom.js";
import { count, itemName, lastPart, milliseconds, parentPath, percent, sureness } from "../format.js";
import { nothingNotice } from "../notices.js";

const SHOWN_VOTES = 5;
const SUPPORTED = 0.5; // a level of the path that is rather right than wrong
const STAGES = ["decode", "encode", "search", "catalog"];
/** @type {Record<string, string>} */
const DOUBTS = {
  too_far: "nothing in the catalog looks close enough",
  disagree: "the closest items don’t agree on a class",
  too_few: "there are too few similar items to judge by",
};

/**
 * The line; null where the catalog has no labels, and so no class.
 * @param {?import("../client.js").Prediction} prediction @param {(label: string) => string} hrefOf Where the page shows only this label.
 */
export function answerLine(prediction, hrefOf) {
  if (!prediction || prediction.reason === "no_labels") return null;
  const said = prediction.abstained ? doubt(prediction) : decision(prediction);
  return el(
    "div",
    { class: "answer" },
    el("p", { class: "answer-line", role: "status", "aria-label": "Class" }, ...said),
    prediction.votes.length > 0 &&
      el("details", { class: "why" }, el("summary", {}, "Why?"), reasons(prediction, hrefOf)),
  );
}

/** The banner above results that are not alike, which wait behind it. @param {() => void} show */
export const nothingAlike = (show) =>
  nothingNotice(
    "Nothing here looks like this",
    "The catalog may not have it. Another photo or a part of this one may do better.",
    el(
      "p",
      { class: "visually-hidden", role: "status", "aria-label": "Class" },
      ...doubt({ reason: "too_far" }),
    ),
    button({ click: show }, "Show the closest anyway"),
  );

/**
 * What the results are called.
 * @param {import("./address.js").State} state
 * @param {?import("../client.js").Item} [item] The one that is searched by, once it has come.
 */
export function titleOf(state, item) {
  if (state.like.length || state.unlike.length) return "Closer to what you like";
  if (state.photo) return state.box ? "Closest to this part" : "Closest to your photo";
  return item ? `Similar to ${itemName(item)}` : "Similar";
}

/**
 * For the curious.
 * @param {import("./catalog.js").Collection} collection
 * @param {*} answer The last answer.
 */
export function facts(collection, answer) {
  const rows = [
    ["Catalog", count(collection.items, "item")],
    ["Encoder", collection.encoder?.name],
    ["Generation", answer.generation],
    ["Last search", timing(answer.timings_ms)],
    ["Request", answer.request_id],
  ].filter(([, value]) => value);
  return el(
    "details",
    { class: "facts" },
    el("summary", {}, "Details"),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  );
}

function decision(prediction) {
  const { label, confidence, calibrated } = prediction;
  const level = calibrated ? deepestSupported(prediction) : { label, confidence };
  const sure = calibrated ? sureness(level.confidence).toLowerCase() : `${percent(confidence)} of the votes`;
  const guess = level.label !== label && ` · perhaps ${lastPart(label)}`;
  return [el("strong", {}, lastPart(level.label)), " · ", sure, guess];
}

/** The deepest level of the label's path that can be relied on; the answer where none can. */
function deepestSupported({ label, confidence, levels }) {
  const supported = levels.filter((level) => level.confidence >= SUPPORTED);
  return supported.at(-1) ?? { label, confidence };
}

const doubt = ({ reason }) => [
  el("strong", {}, "Not sure"),
  `: ${DOUBTS[reason] ?? "the closest items don’t settle it"}`,
];

function reasons({ votes, levels, calibrated, voters }, hrefOf) {
  const rest = votes.slice(SHOWN_VOTES).reduce((sum, vote) => sum + vote.share, 0);
  return el(
    "div",
    { class: "reasons" },
    el(
      "div",
      {},
      el("h2", { class: "eyebrow" }, `How the ${voters} closest items vote`),
      el(
        "ul",
        { class: "votes", role: "list" },
        ...votes
          .slice(0, SHOWN_VOTES)
          .map(({ label, share }) =>
            row(el("a", { href: hrefOf(label), title: label }, lastPart(label)), share),
          ),
        rest > 0.005 && row(`${votes.length - SHOWN_VOTES} more`, rest),
      ),
    ),
    calibrated &&
      levels.length > 0 &&
      el(
        "div",
        {},
        el("h2", { class: "eyebrow" }, "How often such answers are right"),
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
    el("span", { class: "vote-share" }, share >= 0.995 ? "over 99%" : percent(share)),
    bar(share),
  );
}

function timing(timings) {
  const stages = STAGES.filter((stage) => timings[stage] > 0)
    .map((stage) => `${stage} ${milliseconds(timings[stage])}`)
    .join(", ");
  return stages ? `${milliseconds(timings.total)} (${stages})` : milliseconds(timings.total);
}
