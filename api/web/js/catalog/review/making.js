/* The head of a list or a map that a job makes: starting it, following it, and when it was made. */

import { Problem } from "../../client.js";
import { el } from "../../dom.js";
import { fill } from "../../redraw.js";
import { ago } from "../../format.js";
import { t } from "../../language.js";
import { jobRunner } from "../job_runner.js";

/** Whether what a job made is still there: it goes with the encoder. @param {(isMade: boolean) => unknown} draw */
async function wasDrawn(draw) {
  try {
    await draw(true);
    return true;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "overview_not_found") throw error;
    return false;
  }
}

/** @param {import("../view.js").Around} around @param {string} kind Of the job. @param {{title: string, about: string, start: string, again: string}} text */
export function making(around, kind, text) {
  const runner = jobRunner(around, kind, { ...text, jobs: t("jobs.title") });
  const when = el("p", { class: "muted" });
  const element = el(
    "div",
    { class: "stack-tight" },
    el(
      "div",
      { class: "review-head" },
      el("div", {}, el("h2", { id: `review-${kind}` }, text.title), el("p", { class: "muted" }, text.about)),
      runner.start,
    ),
    when,
    runner.progress,
  );
  return {
    element,
    /**
     * Show what was made, and again when a job at work has made another one.
     * @param {string} collection @param {AbortSignal} signal
     * @param {(isMade: boolean) => unknown} draw
     */
    show(collection, signal, draw) {
      return runner.show(collection, signal, async (done) => {
        if (done.length && (await wasDrawn(draw))) return;
        when.textContent = "";
        runner.start.textContent = text.start;
        await draw(false);
      });
    },
    /** @param {{made_at: string, outdated: boolean, items: number}} made @param {string} [found] */
    tell({ made_at: at, outdated, items }, found = "") {
      const looked = t("review.looked", { ago: ago(at), count: items });
      fill(when, [looked, found, outdated && t("review.outdated")].filter(Boolean).join(" "));
    },
  };
}
