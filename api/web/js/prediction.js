/* The class the neighbours vote for, how sure they are, and why not when unsure. */

import { bar, byId, el, labelText } from "./dom.js";
import { lastPart, parentPath, percent } from "./format.js";

const SHOWN_VOTES = 5;
const DOUBTS = {
  too_far: "nothing in the catalog looks close enough.",
  disagree: "the closest items belong to different classes.",
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

function decision({ label, confidence }) {
  const parent = parentPath(label);
  return [
    el("p", { class: "class-name" }, lastPart(label)),
    parent && el("p", { class: "class-path" }, labelText(parent)),
    el("p", { class: "class-confidence" }, `${percent(confidence)} of the votes`),
  ].filter(Boolean);
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
