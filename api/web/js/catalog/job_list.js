/* Jobs as they go on. */

import { Problem, sleep } from "../client.js";
import { el } from "../dom.js";
import { fill } from "../redraw.js";
import { t } from "../language.js";
import { persistent, server } from "../owner_server.js";
import { jobRow } from "./job_row.js";
import { isFinal } from "./job_words.js";

/** @typedef {import("../client.js").Job} Job */

const SHOWN = 20;
const LOOK_MS = 10_000; // so often it is asked for jobs that others began

/** @param {import("./view.js").Around} around */
export function jobList(around) {
  const list = el("ul", { class: "jobs", role: "list", "aria-label": t("jobs.title") });
  const nothing = el("p", { class: "muted", hidden: true }, t("jobs.none"));
  const element = el(
    "section",
    { class: "stack", "aria-labelledby": "jobs-title" },
    el("h2", { id: "jobs-title" }, t("jobs.title")),
    nothing,
    list,
  );
  /** @type {Map<string, {element: HTMLElement, show: (job: Job) => void}>} */
  const rows = new Map();

  /** @param {Job} job @param {boolean} named Whether to say the collection. */
  function rowOf(job, named) {
    const row = rows.get(job.id) ?? jobRow(job, named);
    rows.set(job.id, row);
    row.show(job);
    return row;
  }

  async function follow({ id }, row, signal) {
    try {
      for await (const { data } of persistent.watchJob(id, { signal })) row.show(data);
      around.refresh(); // what it made is shown too
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) throw error;
    }
  }

  return {
    element,
    /** @param {?string} collection Null for all. @param {AbortSignal} signal */
    async show(collection, signal) {
      const followed = new Set();
      for (;;) {
        const { jobs } = await server.listJobs({ collection: collection ?? undefined, limit: SHOWN, signal });
        if (signal.aborted) return;
        nothing.hidden = jobs.length > 0;
        const wanted = jobs.map((/** @type {Job} */ job) => {
          const row = rowOf(job, collection === null);
          if (!isFinal(job) && !followed.has(job.id)) follow(job, row, signal);
          followed.add(job.id);
          return row.element;
        });
        fill(list, ...wanted);
        await sleep(LOOK_MS, signal);
      }
    },
  };
}
