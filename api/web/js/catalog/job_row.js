/* A job: what it does, how far it is, what came of it, and what was refused. */

import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { once } from "../once.js";
import { ago, fileSize, number } from "../format.js";
import { t } from "../language.js";
import { server } from "../owner_server.js";
import { sentences, wordsOf } from "../words.js";
import { download } from "./download.js";
import { isFinal, kindText, outcomeText, progressText, reasonText, stateText, withoutFlags } from "./job_words.js";
import { refusedRows } from "./refused.js";

/** @typedef {import("../client.js").Job} Job */

/** @param {Job} first @param {boolean} named Whether to say the collection. */
export function jobRow(first, named) {
  let job = first;
  const state = el("span", { class: "badge" });
  const bar = el("progress", { "aria-label": t("jobs.progress"), max: 1 });
  const far = el("span", { class: "muted" });
  const cancel = button(
    { class: "button button-small", click: once(stop), "aria-label": t("jobs.cancel_one", { job: kindText(first) }) },
    t("catalog.cancel"),
  );
  const running = el("div", { class: "job-running" }, bar, far, cancel);
  const outcome = el("p", {});
  const refused = el("div", {});
  const after = el("div", { class: "stack-tight" });
  const element = el(
    "li",
    { class: "job" },
    el(
      "div",
      { class: "job-head" },
      el("strong", {}, kindText(first)),
      state,
      named && el("span", { class: "muted" }, first.collection),
      el("time", { class: "muted", datetime: first.created_at }, ago(first.created_at)),
    ),
    running,
    outcome,
    refused,
    after,
  );
  let drawnEnd = false;

  async function stop() {
    try {
      show(await server.cancelJob(job.id));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      after.replaceChildren(
        el("p", { class: "form-problem", role: "alert" }, sentences(error)),
      );
    }
  }

  /** @param {Job} latest */
  function show(latest) {
    if (isFinal(job) && !isFinal(latest)) return; // an answer that was overtaken
    job = latest;
    state.textContent = stateText(job);
    state.dataset.state = job.state;
    running.hidden = isFinal(job);
    if (job.total) bar.value = job.done / job.total;
    else bar.removeAttribute("value");
    far.textContent = progressText(job);
    cancel.disabled = job.cancel_requested;
    outcome.textContent = outcomeText(job);
    outcome.hidden = !outcome.textContent;
    if (isFinal(job) && !drawnEnd) {
      drawnEnd = true;
      refused.replaceChildren(...refusedSection());
      after.replaceChildren(...problemOf(job.error), ...filesOf(job));
    }
  }

  function refusedSection() {
    const reasons = Object.entries(job.reasons);
    if (!reasons.length) return [];
    const total = reasons.reduce((sum, [, times]) => sum + times, 0);
    const rows = el("div", {});
    const details = el(
      "details",
      { class: "refused", toggle: () => details.open && !rows.hasChildNodes() && refusedRows(job, rows) },
      el("summary", {}, t("jobs.refused", { count: total })),
      el(
        "ul",
        { role: "list" },
        ...reasons.map(([code, times]) => el("li", {}, `${number(times)} × ${reasonText(code)}`)),
      ),
      rows,
    );
    return [details];
  }

  show(job);
  return { element, show };
}

/** @param {Job["error"]} error */
function problemOf(error) {
  if (!error) return [];
  return [
    el("p", { class: "form-problem" }, sentences({ code: error.code, status: 500 })),
    el(
      "details",
      {},
      el("summary", {}, t("problem.details")),
      el("p", {}, error.message),
      error.fix && el("p", {}, withoutFlags(error.fix)),
    ),
  ];
}

/** @param {Job} job */
function filesOf({ id, files }) {
  return files
    .filter(({ name }) => name !== "rejects.jsonl")
    .map(({ name, size_bytes: bytes }) =>
      el(
        "p",
        {},
        button(
          {
            class: "button button-small",
            click: once((event) =>
              fetched(event.target, () => server.getJobFile(id, name).then((file) => download(file, name))),
            ),
          },
          t("jobs.download", { name, size: fileSize(bytes) }),
        ),
      ),
    );
}

/** Do what a button is for; where it fails, the button says so. @param {HTMLElement} button @param {() => Promise<void>} work */
async function fetched(button, work) {
  button.nextElementSibling?.remove();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const [title] = wordsOf(error);
    button.after(el("p", { class: "form-problem", role: "alert" }, title));
  }
}
