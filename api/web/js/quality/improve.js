/* Learning from the labels of a collection, what came of it in words, and going back. */

import { access, mayAdminister } from "../access.js";
import { confirm } from "../catalog/confirm.js";
import { jobRunner } from "../catalog/job_runner.js";
import { button, el, fill } from "../dom.js";
import { ago } from "../format.js";
import { persistent, server } from "../server.js";
import { words } from "./words.js";

const text = words.improve;
const SHOWN = 5;

/** @typedef {import("../client.js").Job} Job */

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
export function open(around) {
  let collection = "";
  const minutes = el("input", { class: "field minutes", id: "tune-minutes", type: "number", min: 1, max: 10_080, value: 30 });
  const ways = el(
    "fieldset",
    { class: "stack-tight" },
    el("legend", { class: "visually-hidden" }, text.title),
    way("tune", text.tune, text.tuneHint, true),
    way("finetune", text.finetune, text.finetuneHint, false),
  );
  const time = el("label", { class: "labelled", for: minutes.id, hidden: true }, text.minutes, minutes);
  const dry = el("input", { type: "checkbox" });
  ways.addEventListener("change", () => (time.hidden = !isFinetune()));
  const isFinetune = () => ways.querySelector("input:checked")?.id === "way-finetune";
  const runner = jobRunner(around, "tune", { start: text.go, again: text.go, jobs: words.jobs }, () =>
    minutes.reportValidity() || !isFinetune()
      ? { dry_run: dry.checked, ...(isFinetune() && { finetune: true, minutes: Number(minutes.value) }) }
      : null,
  );
  const trust = jobRunner(around, "calibrate", { start: text.calibrate, again: text.calibrate, jobs: words.jobs });
  const history = el("div", { class: "stack" });
  const undo = el("div", { class: "stack-tight" });
  const admin = el("p", { class: "form-problem", hidden: true }, text.admin);
  const element = el(
    "div",
    { class: "stack" },
    el(
      "section",
      { class: "panel", "aria-labelledby": "improve-title" },
      el("h2", { id: "improve-title" }, text.title),
      el("p", { class: "muted" }, text.about),
      admin,
      ways,
      time,
      el("label", { class: "choice" }, dry, el("span", { class: "choice-text" }, text.dry)),
      el("div", { class: "row" }, runner.start),
      runner.progress,
    ),
    history,
    el(
      "section",
      { class: "panel", "aria-labelledby": "undo-title" },
      el("h2", { id: "undo-title" }, text.undoTitle),
      undo,
    ),
    el(
      "section",
      { class: "panel", "aria-labelledby": "trust-title" },
      el("h2", { id: "trust-title" }, text.calibrate),
      el("p", { class: "muted" }, text.calibrateHint),
      el("div", { class: "row" }, trust.start),
      trust.progress,
    ),
  );

  async function goBack() {
    if (!(await confirm(text.undoAsk, text.undoText, text.undoTitle))) return;
    const job = await around.act(() => persistent.createJob("tune", { undo: true }, { collection }));
    if (job) around.refresh();
  }

  /** @param {Job[]} tried */
  const drawHistory = (tried) =>
    fill(
      history,
      el("h2", { class: "part-title" }, text.history),
      ...(tried.length ? tried.slice(0, SHOWN).map(outcome) : [el("p", { class: "muted" }, text.noHistory)]),
    );

  /** @param {?{name: string}} former @param {boolean} may */
  const drawUndo = (former, may) =>
    fill(
      undo,
      el("p", { class: "muted" }, former ? text.undoHint : text.noUndo),
      former && may && el("div", { class: "row" }, button({ click: goBack }, text.undo(former.name))),
    );

  return {
    element,
    async show(current, _, signal) {
      collection = current.name;
      const may = mayAdminister(access.value ?? (await server.getAccess({ signal })));
      admin.hidden = may;
      ways.disabled = dry.disabled = !may;
      runner.start.hidden = trust.start.hidden = !may;
      await Promise.all([
        runner.show(collection, signal, async (tried) => {
          runner.start.classList.add("button-primary");
          drawHistory(tried);
          drawUndo((await server.listGenerations({ collection, signal })).former_encoder, may);
        }),
        trust.show(collection, signal, () => trust.start.classList.remove("button-primary")),
      ]);
    },
  };
}

/** @param {string} name @param {string} title @param {string} hint @param {boolean} checked */
const way = (name, title, hint, checked) =>
  el(
    "label",
    { class: "choice" },
    el("input", { type: "radio", name: "way", id: `way-${name}`, checked }),
    el("span", { class: "choice-text" }, title, el("span", { class: "note" }, hint)),
  );

/** What came of one attempt. @param {Job} job */
function outcome(job) {
  const found = job.result ?? {};
  const { gate, refusals = [] } = found;
  const measures = Object.entries(text.gate).filter(([name]) => gate?.[name]);
  return el(
    "section",
    { class: "panel" },
    el(
      "div",
      { class: "job-head" },
      el("strong", {}, text.outcomes[kindOf(job)]),
      el("span", { class: "muted" }, job.params.finetune ? text.finetune : job.params.undo ? text.undoTitle : text.tune),
      el("time", { class: "muted", datetime: job.created_at }, ago(job.created_at)),
    ),
    measures.length > 0 &&
      el(
        "div",
        { class: "table-frame gate", tabindex: 0, role: "region", "aria-label": text.outcomes[kindOf(job)] },
        el(
          "table",
          { class: "table" },
          el("thead", {}, el("tr", {}, el("td", {}), ...text.gateColumns.map((name) => el("th", { scope: "col" }, name)))),
          el("tbody", {}, ...measures.map(([name, title]) => gateRow(title, gate[name]))),
        ),
      ),
    refusals.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, text.because),
        el("ul", { role: "list" }, ...refusals.map((reason) => el("li", {}, reason))),
      ),
  );
}

/** @param {string} title @param {{before: ?number, after: ?number, difference: (?number)[]}} change */
function gateRow(title, { before, after, difference: [low, high] }) {
  const shown = (share) => (typeof share === "number" ? words.results.value(share) : "");
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, title),
    el("td", {}, shown(before)),
    el("td", {}, shown(after)),
    el("td", {}, typeof low === "number" && typeof high === "number" ? text.from(low, high) : ""),
  );
}

/** @param {Job} job */
function kindOf({ params, result }) {
  const { accepted, changed, used } = result ?? {};
  if (params.undo) return "undone";
  if (!accepted) return used ? "forced" : "refused";
  if (params.dry_run) return "dry";
  return changed || used ? "used" : "same";
}
