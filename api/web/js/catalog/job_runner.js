/* A kind of job of one collection: the button that starts it, and how it goes on. */

import { button, el } from "../dom.js";
import { persistent, server, startJob } from "../owner_server.js";
import { jobRow } from "./job_row.js";

const LISTED = 20;

/** @typedef {import("../client.js").Job} Job */
/** @typedef {{act: <T>(work: () => Promise<T>) => Promise<T|undefined>, refresh: () => void}} Around */

/**
 * Nothing is started before it is known of which collection, and whether one is at work.
 * @param {Around} around @param {string} kind @param {{start: string, again: string, jobs: string}} text
 * @param {() => ?Record<string, *>} [parameters] Of the job; null where something has to be said first.
 */
export function jobRunner(around, kind, text, parameters = () => ({})) {
  let collection = "";
  let isStarting = false;
  const start = button({ class: "button button-primary", "aria-disabled": "true", click: begin }, text.start);
  /** Whether it can be started; who pressed the button stays there. @param {boolean} can */
  const allow = (can) => (start.ariaDisabled = String(!can));
  const progress = el("ul", { class: "jobs", role: "list", "aria-label": text.jobs, hidden: true });

  async function begin() {
    const given = start.ariaDisabled === "true" ? null : parameters();
    if (!given) return;
    isStarting = true;
    allow(false); // until it is known how that goes on
    const job = await around.act(() => startJob(kind, given, collection));
    isStarting = false;
    if (job) around.refresh();
    else allow(true);
  }

  /** @param {Job} job @param {AbortSignal} signal @returns {Promise<Job>} */
  async function follow(job, signal) {
    const row = jobRow(job, false);
    progress.replaceChildren(row.element);
    progress.hidden = false;
    allow(false);
    const ended = (await persistent.wait(job.id, { signal, onProgress: row.show })) ?? job;
    row.show(ended);
    return ended;
  }

  return {
    start,
    progress,
    /**
     * Show what was done, and again when a job at work has ended. What failed stays in sight.
     * @param {string} name Of the collection. @param {AbortSignal} signal
     * @param {(done: Job[]) => unknown} draw Given the jobs that were done, newest first.
     */
    async show(name, signal, draw) {
      collection = name;
      const { jobs } = await server.listJobs({ collection, kind, limit: LISTED, signal });
      /** @type {[Job|undefined, ...Job[]]} */
      const [latest, ...before] = jobs;
      if (!latest || latest.finished_at) return settle(jobs, latest, draw);
      const ended = follow(latest, signal);
      await settleStart(before, draw);
      const last = await ended;
      return settle([last, ...before], last, draw);
    },
  };

  /** @param {Job[]} jobs @param {Job|undefined} latest */
  async function settle(jobs, latest, draw) {
    allow(!isStarting);
    if (latest) progress.replaceChildren(jobRow(latest, false).element);
    progress.hidden = !latest || latest.state === "done";
    return settleStart(jobs, draw);
  }

  async function settleStart(jobs, draw) {
    const done = jobs.filter(({ state }) => state === "done");
    start.textContent = done.length ? text.again : text.start;
    start.classList.toggle("button-primary", !done.length);
    await draw(done);
  }
}
