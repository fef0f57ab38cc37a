/* Jobs in words: what they do, how far they are, what came of them. */

import { number, t, textOf } from "../language.js";

/** @typedef {import("../client.js").Job} Job */

const OUTCOMES = /** @type {const} */ (["added", "updated", "moved", "removed", "unchanged", "rejected"]);
const FINAL = new Set(["done", "failed", "cancelled", "interrupted"]);

export const isFinal = ({ state }) => FINAL.has(state);

/** @param {Job} job */
export function kindText({ kind, params }) {
  const job = textOf(`jobs.kind.${kind}`, kind);
  return params?.dry_run ? t("jobs.check_only", { job }) : job;
}

/** @param {Job} job */
export function stateText({ state, stage, cancel_requested: stops }) {
  if (!FINAL.has(state) && stops) return t("jobs.stopping");
  if (state !== "running" || !stage) return t(`jobs.state.${state}`);
  return t("jobs.stage", { stage: textOf(`jobs.stage.${stage.replaceAll(" ", "_")}`, stage) });
}

/** @param {Job} job */
export function progressText({ done, total, seconds_left: left }) {
  const far = total ? t("jobs.far", { done, total }) : done ? number(done) : "";
  return [far, left !== null && left > 0 && t("jobs.left", { time: duration(left) })].filter(Boolean).join(" · ");
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** Why something was refused. @param {string} code */
export const reasonText = (code) => textOf(`reason.${code}`, t("reason.other"));

/** What the server says, without how to mend it on a command line. @param {string} text */
export const withoutFlags = (text) => text.split("; ").filter((part) => !/^(--|\x60)/.test(part)).join("; ");

/** What came of a job, or has so far. @param {Job} job @returns {string} */
export function outcomeText({ kind, counts, result, params }) {
  if (kind === "duplicates" && result) {
    const groups = Object.values(result.groups).reduce((sum, each) => sum + each, 0);
    return groups ? t("jobs.duplicates", { count: groups }) : t("jobs.no_duplicates");
  }
  const outcome = params?.dry_run ? "would" : "did";
  return OUTCOMES.filter((name) => counts[name])
    .map((name) => t(`jobs.${outcome}.${name}`, { count: counts[name] }))
    .join(" · ");
}
