/* Learning from the labels of a collection, what came of it in words, and going back. */

import { access, mayAdminister } from "../access.js";
import { confirm } from "../catalog/confirm.js";
import { encoderChoice } from "../catalog/encoder_choice.js";
import { jobRunner } from "../catalog/job_runner.js";
import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { ago, exactPercent, points } from "../format.js";
import { t, textOf } from "../language.js";
import { server, startJob } from "../owner_server.js";

const SHOWN = 5;
const MEASURES = /** @type {const} */ (["accuracy", "map"]);
const COLUMN_OF = { "hit_rate@1": "first" };
const COLUMNS = /** @type {const} */ (["before", "after", "change"]);

/** @typedef {import("../client.js").Job} Job */

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
export function open(around) {
  let collection = "";
  const minutes = el("input", { class: "field minutes", id: "tune-minutes", type: "number", min: 1, max: 10_080, value: 30 });
  const ways = el(
    "fieldset",
    { class: "stack-tight" },
    el("legend", { class: "visually-hidden" }, t("improve.title")),
    way("tune", t("jobs.kind.tune"), t("improve.tune_help"), true),
    way("finetune", t("improve.finetune"), t("improve.finetune_help"), false),
  );
  const time = el("label", { class: "labelled", for: minutes.id, hidden: true }, t("improve.minutes"), minutes);
  const dry = el("input", { type: "checkbox" });
  ways.addEventListener("change", () => (time.hidden = !isFinetune()));
  const isFinetune = () => ways.querySelector("input:checked")?.id === "way-finetune";
  const runner = jobRunner(around, "tune", textsOf(t("improve.go")), () =>
    minutes.reportValidity() || !isFinetune()
      ? { dry_run: dry.checked, ...(isFinetune() && { finetune: true, minutes: Number(minutes.value) }) }
      : null,
  );
  const trust = jobRunner(around, "calibrate", textsOf(t("improve.calibrate")));
  const looks = encoderChoice("switch-looks", t("improve.switch_help"));
  const change = jobRunner(around, "switch", textsOf(t("improve.switch")), () => ({ encoder: looks.value }));
  const history = el("div", { class: "stack" });
  const undo = el("div", { class: "stack-tight" });
  const admin = el("p", { class: "form-problem", hidden: true }, t("quality.admin"));
  const element = el(
    "div",
    { class: "stack" },
    el(
      "section",
      { class: "panel", "aria-labelledby": "improve-title" },
      el("h2", { id: "improve-title" }, t("improve.title")),
      el("p", { class: "muted" }, t("improve.about")),
      admin,
      ways,
      time,
      el("label", { class: "choice" }, dry, el("span", { class: "choice-text" }, t("improve.dry"))),
      el("div", { class: "row" }, runner.start),
      runner.progress,
    ),
    history,
    el(
      "section",
      { class: "panel", "aria-labelledby": "switch-title" },
      el("h2", { id: "switch-title" }, t("jobs.kind.switch")),
      el("p", { class: "muted" }, t("improve.switch_about")),
      looks.element,
      el("div", { class: "row" }, change.start),
      change.progress,
    ),
    el(
      "section",
      { class: "panel", "aria-labelledby": "undo-title" },
      el("h2", { id: "undo-title" }, t("improve.undo")),
      undo,
    ),
    el(
      "section",
      { class: "panel", "aria-labelledby": "trust-title" },
      el("h2", { id: "trust-title" }, t("improve.calibrate")),
      el("p", { class: "muted" }, t("improve.calibrate_help")),
      el("div", { class: "row" }, trust.start),
      trust.progress,
    ),
  );

  async function goBack() {
    if (!(await confirm(t("improve.undo_ask"), t("improve.undo_text"), t("improve.undo")))) return;
    const job = await around.act(() => startJob("tune", { undo: true }, collection));
    if (job) around.refresh();
  }

  /** @param {Job[]} tried */
  const drawHistory = (tried) =>
    fill(
      history,
      el("h2", { class: "part-title" }, t("improve.history")),
      ...(tried.length ? tried.slice(0, SHOWN).map(outcome) : [el("p", { class: "muted" }, t("improve.no_history"))]),
    );

  /** @param {?{name: string}} former @param {boolean} may */
  const drawUndo = (former, may) =>
    fill(
      undo,
      el("p", { class: "muted" }, t(former ? "improve.undo_help" : "improve.no_undo")),
      former && may && el("div", { class: "row" }, button({ click: once(goBack) }, t("improve.undo_to", { name: former.name }))),
    );

  return {
    element,
    async show(current, _, signal) {
      collection = current.name;
      const may = mayAdminister(access.value ?? (await server.getAccess({ signal })));
      admin.hidden = may;
      ways.disabled = dry.disabled = !may;
      runner.start.hidden = trust.start.hidden = change.start.hidden = !may;
      await Promise.all([
        runner.show(collection, signal, async (tried) => {
          runner.start.classList.add("button-primary");
          drawHistory(tried);
          drawUndo((await server.listGenerations({ collection, signal })).former_encoder, may);
        }),
        looks.show(signal, current.encoder?.name),
        change.show(collection, signal, () => change.start.classList.remove("button-primary")),
        trust.show(collection, signal, () => trust.start.classList.remove("button-primary")),
      ]);
    },
  };
}

/** @param {string} start */
const textsOf = (start) => ({ start, again: start, jobs: t("jobs.title") });

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
  const { gate } = found;
  const reasons = reasonsOf(found);
  const measures = MEASURES.filter((name) => gate?.[name]);
  const said = t(`improve.outcome.${outcomeOf(job)}`);
  return el(
    "section",
    { class: "panel" },
    el(
      "div",
      { class: "job-head" },
      el("strong", {}, said),
      el("span", { class: "muted" }, wayText(job)),
      el("time", { class: "muted", datetime: job.created_at }, ago(job.created_at)),
    ),
    measures.length > 0 &&
      el(
        "div",
        { class: "table-frame gate", tabindex: 0, role: "region", "aria-label": said },
        el(
          "table",
          { class: "table" },
          el("thead", {}, el("tr", {}, el("td", {}), ...COLUMNS.map((name) => el("th", { scope: "col" }, t(`improve.column.${name}`))))),
          el("tbody", {}, ...measures.map((name) => gateRow(t(`runs.column.${name}`), gate[name]))),
        ),
      ),
    reasons.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, t("improve.because")),
        el("ul", { role: "list" }, ...reasons.map((reason) => el("li", {}, reason))),
      ),
  );
}

/** Why the gate refused, in words; jobs of older servers have sentences of their own. */
function reasonsOf({ refusals = [], refused_because: because = [] }) {
  return refusals.map((said, number) => {
    const { code, measures = [], ...values } = because[number] ?? {};
    const names = measures.map((each) => textOf(`runs.column.${COLUMN_OF[each] ?? each}`, each)).join(", ");
    return code ? textOf(`improve.reason.${code}`, said, { ...values, measures: names }) : said;
  });
}

/** @param {string} title @param {{before: ?number, after: ?number, difference: (?number)[]}} change */
function gateRow(title, { before, after, difference: [low, high] }) {
  const shown = (share) => (typeof share === "number" ? exactPercent(share) : "");
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, title),
    el("td", {}, shown(before)),
    el("td", {}, shown(after)),
    el("td", {}, typeof low === "number" && typeof high === "number" ? rangeText(low, high) : ""),
  );
}

/** @param {number} low @param {number} high */
const rangeText = (low, high) => t("improve.range", { low: points(low), high: points(high) });

/** @param {Job} job */
function wayText({ params }) {
  if (params.finetune) return t("improve.finetune");
  return t(params.undo ? "improve.undo" : "jobs.kind.tune");
}

/** @param {Job} job @returns {"used"|"dry"|"refused"|"forced"|"undone"|"same"} */
function outcomeOf({ params, result }) {
  const { accepted, changed, used } = result ?? {};
  if (params.undo) return "undone";
  if (!accepted) return used ? "forced" : "refused";
  if (params.dry_run) return "dry";
  return changed || used ? "used" : "same";
}
