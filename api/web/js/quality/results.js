/* How good a collection is: measures, trust, what is taken for what, and earlier measurements. */

import { jobRunner } from "../catalog/job_runner.js";
import { download } from "../catalog/download.js";
import { lineChart } from "../charts.js";
import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { ago, exactPercent, number, percent } from "../format.js";
import { t } from "../language.js";
import { nothingNotice } from "../notices.js";
import { server } from "../owner_server.js";
import { confusionList } from "./confusions.js";
import { comparison, runTable, targetName } from "./runs.js";

const WORST_CLASSES = 12;
const HEADLINES = /** @type {const} */ ([
  ["accuracy", "accuracy"],
  ["hit_rate@1", "first"],
  ["hit_rate@10", "ten"],
  ["map", "map"],
  ["coverage_at_95", "sure"],
]);
const CLASS_COLUMNS = /** @type {const} */ (["class", "photos", "found", "right"]);

/** @typedef {import("../client.js").Job} Job */

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
export function open(around) {
  const by = el("select", { class: "select", id: "quality-by" });
  const text = { start: t("results.measure"), again: t("results.again"), jobs: t("jobs.title") };
  const runner = jobRunner(around, "evaluate", text, () => ({ target: by.value, report: false }));
  const when = el("p", { class: "muted" });
  const shown = el("div", { class: "stack" });
  /** @type {string|undefined} What it was compared with. */
  let seen;
  const element = el(
    "section",
    { class: "stack", "aria-labelledby": "quality-results" },
    el(
      "div",
      { class: "review-head" },
      el("div", {}, el("h2", { id: "quality-results" }, t("results.title")), el("p", { class: "muted" }, t("results.about")), when),
      el("div", { class: "row" }, el("label", { class: "labelled labelled-row", for: by.id }, t("results.by"), by), runner.start),
    ),
    runner.progress,
    shown,
  );

  /** @param {import("../owner_view.js").Collection} collection @param {Job[]} runs @param {URLSearchParams} query */
  function draw(collection, runs, query) {
    const job = runs.find(({ id }) => id === query.get("run")) ?? runs[0];
    const other = runs.find(({ id }) => id === query.get("with") && id !== job?.id) ?? null;
    if (!job?.result) {
      when.textContent = "";
      return fill(shown, nothingNotice(t("results.nothing.title"), t("results.nothing.text")));
    }
    const found = job.result;
    const by = targetName(String(found.target));
    when.textContent = t("results.measured", { by, ago: ago(job.finished_at ?? ""), count: found.queries });
    if (found.learned_from) when.append(` ${t("results.learned")}`);
    const compared = other?.result && comparison(job, other);
    fill(
      shown,
      headlines(found),
      compared,
      trust(found),
      confusionList(collection.name, found),
      classTable(found),
      runs.length > 1 &&
        runTable(runs, job, other, {
          open: (id) => around.href({ run: id, with: null }),
          compare: (id) => around.href({ run: job.id, with: id }),
        }),
      ...job.files.map(({ name }) =>
        button(
          { click: once(() => around.act(async () => download(await server.getJobFile(job.id, name), name))) },
          t("results.report"),
        ),
      ),
    );
    if (compared && seen !== other.id) compared.focus(); // it stands far above what asks for it
    seen = other?.id;
  }

  return {
    element,
    async show(collection, query, signal) {
      const fields = ["label", "product_id", ...collection.fields];
      const before = by.value;
      fill(by, ...fields.map((name) => el("option", { value: name }, targetName(name))));
      by.value = fields.includes(before) ? before : "label";
      await runner.show(collection.name, signal, (done) => draw(collection, done, query));
    },
  };
}

/** @param {Record<string, *>} found */
const headlines = (found) =>
  el(
    "dl",
    { class: "headlines" },
    ...HEADLINES.filter(([measure]) => typeof found[measure] === "number").map(([measure, name]) =>
      el(
        "div",
        { class: "panel headline" },
        el("dt", {}, t(`headline.${name}`, { share: percent(0.95) })),
        el("dd", { class: "headline-value" }, exactPercent(found[measure])),
        el(
          "dd",
          { class: "note" },
          [t(`headline.${name}_help`), rangeText(found.intervals?.[measure])].filter(Boolean).join("; "),
        ),
      ),
    ),
  );

/** @param {[low: number, high: number]} [interval] */
function rangeText(interval = [0, 0]) {
  const [low, high] = interval.map(exactPercent);
  return low !== high && t("results.range", { low, high });
}

/** @param {Record<string, *>} found */
function trust(found) {
  const { reliability = [], coverage_curve: coverage = [], ece } = found;
  if (!reliability.length) return null;
  const dots = reliability.map(({ confidence, accuracy }) => [confidence, accuracy]);
  const byAccuracy = /** @type {import("../charts.js").Point[]} */ (
    [...coverage].reverse().map(({ accuracy, coverage: share }) => [accuracy, share])
  );
  const least = Math.min(...byAccuracy.map(([accuracy]) => accuracy), 1);
  const from = Math.max(0, Math.min(0.8, Math.floor(least * 10) / 10));
  return el(
    "div",
    { class: "pair" },
    el(
      "section",
      { class: "panel" },
      el("h3", {}, t("results.trust")),
      lineChart(t("results.trust_chart", { error: exactPercent(ece ?? 0) }), {
        x: t("results.says_sure"),
        y: t("results.is_right"),
        points: dots,
        dots: true,
        ideal: true,
      }).element,
      el("p", { class: "note" }, t("results.trust_help")),
    ),
    byAccuracy.length > 0 &&
      el(
        "section",
        { class: "panel" },
        el("h3", {}, t("results.coverage")),
        lineChart(t("chart.coverage"), { x: t("chart.right"), y: t("chart.answered"), points: byAccuracy, from }).element,
        el("p", { class: "note" }, t("chart.coverage")),
      ),
  );
}

/** The classes, those first that are found least. @param {Record<string, *>} found */
function classTable({ per_class: classes = [] }) {
  if (!classes.length) return null;
  const worst = [...classes].sort((a, b) => (a.recall ?? 0) - (b.recall ?? 0));
  const body = el("tbody", {}, ...worst.slice(0, WORST_CLASSES).map(classRow));
  const more = button({ class: "button button-small", hidden: worst.length <= WORST_CLASSES }, `+ ${number(worst.length - WORST_CLASSES)}`);
  more.addEventListener("click", () => {
    body.append(...worst.slice(WORST_CLASSES).map(classRow));
    more.remove();
  });
  return el(
    "section",
    { class: "stack-tight" },
    el("h3", {}, t("results.classes")),
    el("p", { class: "note" }, t("results.classes_help")),
    el(
      "div",
      { class: "table-frame", tabindex: 0, role: "region", "aria-label": t("results.classes") },
      el(
        "table",
        { class: "table" },
        el("thead", {}, el("tr", {}, ...CLASS_COLUMNS.map((name) => el("th", { scope: "col" }, t(`results.column.${name}`))))),
        body,
      ),
    ),
    more,
  );
}

const classRow = ({ label, support, recall, precision }) =>
  el(
    "tr",
    {},
    el("th", { scope: "row" }, label),
    el("td", {}, number(support)),
    ...[recall, precision].map((share) => el("td", {}, typeof share === "number" ? exactPercent(share) : "")),
  );
