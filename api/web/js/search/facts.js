/* How an answer came about, for the curious: it comes after the results. */

import { el } from "../dom.js";
import { count, milliseconds } from "../format.js";
import { t } from "../language.js";

const STAGES = ["decode", "encode", "search", "catalog"];

/**
 * @param {import("./catalog.js").Collection} collection
 * @param {*} answer The last answer.
 */
export function facts(collection, answer) {
  const rows = [
    [t("facts.catalog"), count(collection.items, "item")],
    [t("facts.encoder"), collection.encoder?.name],
    [t("facts.generation"), answer.generation],
    [t("facts.timing"), timing(answer.timings_ms)],
    [t("facts.request"), answer.request_id],
  ].filter(([, value]) => value);
  return el(
    "details",
    { class: "facts" },
    el("summary", {}, t("facts.title")),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  );
}

function timing(timings) {
  const stages = STAGES.filter((stage) => timings[stage] > 0)
    .map((stage) => `${stage} ${milliseconds(timings[stage])}`)
    .join(", ");
  return stages ? `${milliseconds(timings.total)} (${stages})` : milliseconds(timings.total);
}
