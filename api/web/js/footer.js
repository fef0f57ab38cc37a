/* Facts for the curious: size, encoder, generation, and where the time went. */

import { byId, el } from "./dom.js";
import { count, milliseconds } from "./format.js";

const STAGES = ["decode", "encode", "search", "catalog"];
const facts = byId("facts");

/** @param {?object} answer The last answer, or null before the first. */
export function show(collection, answer) {
  const rows = [
    ["Catalog", count(collection.items, "item")],
    ["Encoder", collection.encoder?.name],
    ["Generation", answer?.generation ?? collection.generation],
    ["Last search", answer?.timings_ms && timing(answer.timings_ms)],
  ];
  facts.replaceChildren(
    ...rows
      .filter(([, value]) => value)
      .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function timing(timings) {
  const stages = STAGES.filter((stage) => timings[stage] > 0)
    .map((stage) => `${stage} ${milliseconds(timings[stage])}`)
    .join(", ");
  return stages ? `${milliseconds(timings.total)} (${stages})` : milliseconds(timings.total);
}
