/* The class the neighbours vote for, how sure they are, and why not when unsure. */

import { bar, byId, el, labelText } from "./dom.js";
import { lastPart, parentPath, percent, sureness } from "./format.js";

const SHOWN_VOTES = 5;
const SUPPORTED = 0.5; // a level of the path that is rather right than wrong
const DOUBTS = {
  too_far: "nothing in the catalog looks close enough.",
  disagree: "the closest items do not agree enough on a class.",
  no_labels: "nothing in the catalog has a class.",
  too_few: "there are too few similar items to judge by.",
};

const roomy = matchMedia("(min-width: 56rem)"); // on a phone the votes wait behind a tap
const card = byId("verdict");
const answer = byId("class");
const votes = byId("votes");

export function hide() {
  card.hidden = true;
  answer.replaceChildren();
  votes.replaceChildren();
}

export function showLoading() {
  card.hidden = false;
  answer.replaceChildren();
  votes.replaceChildren(el("div", { class: "ghost" }), el("div", { class: "ghost" }));
}

/** @param {(label: string) => string} hrefOf Where the page shows only this label. */
export function show(prediction, hrefOf) {
  card.hidden = false;
  answer.replaceChildren(...(prediction.abstained ? doubt(prediction) : decision(prediction)));
  votes.replaceChildren();
  if (prediction.votes.length) votes.append(breakdown(prediction.votes, hrefOf));
}

function decision(prediction) {
  const { label, confidence, calibrated } = prediction;
  const level = calibrated ? deepestSupported(prediction) : { label, confidence };
  const parent = parentPath(level.label);
  const said = calibrated ? sureness(level.confidence) : `${percent(confidence)} of the votes`;
  const guess = level.label !== label && `Perhaps ${lastPart(label)}, ${percent(confidence)} sure`;
  return [
    el("p", { class: "class-name" }, lastPart(level.label)),
    parent && el("p", { class: "class-path" }, labelText(parent)),
    el("p", { class: "class-confidence" }, said),
    guess && el("p", { class: "class-path" }, guess),
  ].filter(Boolean);
}

/** The deepest level of the label's path that can be relied on; the answer where none can. */
function deepestSupported({ label, confidence, levels }) {
  const supported = levels.filter((level) => level.confidence >= SUPPORTED);
  return supported.at(-1) ?? { label, confidence };
}

function doubt({ reason }) {
  const why = DOUBTS[reason] ?? "the closest items do not settle it.";
  return [el("p", { class: "class-unsure" }, `Not sure: ${why}`)];
}

function breakdown(all, hrefOf) {
  const rest = all.slice(SHOWN_VOTES).reduce((sum, vote) => sum + vote.share, 0);
  return el(
    "details",
    { open: roomy.matches },
    el("summary", { class: "eyebrow votes-title" }, "How the closest items vote"),
    el(
      "ul",
      { class: "votes", role: "list" },
      ...all.slice(0, SHOWN_VOTES).map((vote) => row(voteLink(vote, hrefOf), vote.share)),
      rest > 0.005 && row(`${all.length - SHOWN_VOTES} more`, rest),
    ),
  );
}

function voteLink({ label }, hrefOf) {
  const attributes = { href: hrefOf(label), title: label, "data-same-query": true };
  return el("a", attributes, lastPart(label));
}

function row(name, share) {
  return el(
    "li",
    { class: "vote" },
    el("span", { class: "vote-label" }, name),
    el("span", { class: "vote-share" }, percent(share)),
    bar(share),
  );
}
