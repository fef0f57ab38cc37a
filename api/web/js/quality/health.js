/* Whether all is well: what answers, a check of all that is stored, and earlier indexes. */

import { access, mayAdminister } from "../access.js";
import { confirm } from "../catalog/confirm.js";
import { jobRunner } from "../catalog/job_runner.js";
import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { ago, exactPercent, fileSize, number } from "../format.js";
import { t, textOf } from "../language.js";
import { server } from "../owner_server.js";

const FINDINGS = 10;
const COLUMNS = /** @type {const} */ (["made", "items", "size"]);

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
export function open(around) {
  const ready = el("div", { class: "panel", role: "status", "aria-label": t("quality.part.health") });
  const facts = el("dl", { class: "panel numbers numbers-row" });
  const text = { start: t("health.check"), again: t("health.again"), jobs: t("jobs.title") };
  const runner = jobRunner(around, "check", text);
  const checked = el("div", { class: "stack-tight" });
  const generations = el("div", { class: "stack-tight" });
  const admin = el("p", { class: "form-problem", hidden: true }, t("quality.admin"));
  const element = el(
    "div",
    { class: "stack" },
    el("div", { class: "pair" }, ready, facts),
    el(
      "section",
      { class: "panel", "aria-labelledby": "check-title" },
      el(
        "div",
        { class: "review-head" },
        el("div", {}, el("h2", { id: "check-title" }, t("jobs.kind.check")), el("p", { class: "muted" }, t("health.about"))),
        runner.start,
      ),
      admin,
      runner.progress,
      checked,
    ),
    el(
      "section",
      { class: "panel", "aria-labelledby": "generations-title" },
      el("h2", { id: "generations-title" }, t("indexes.title")),
      el("p", { class: "muted" }, t("indexes.about")),
      generations,
    ),
  );

  /** @param {string} collection */
  async function rollBack(collection) {
    if (!(await confirm(t("indexes.back_ask"), t("indexes.back_text"), t("indexes.back")))) return;
    const found = await around.act(() => server.rollBackCollection({ collection }));
    if (found) around.refresh();
  }

  /** @param {import("../owner_view.js").Collection} collection @param {import("../client.js").GenerationList} found @param {boolean} may */
  function drawGenerations({ name, encoder }, { generations: all }, may) {
    const current = all.findIndex((each) => each.current);
    const isOther = ({ fingerprint }) => fingerprint !== null && fingerprint !== encoder?.fingerprint;
    const isPossible = all.slice(current + 1).some((each) => each.sound && !isOther(each));
    fill(
      generations,
      all.length ? generationTable(all, isOther) : el("p", { class: "muted" }, t("indexes.none")),
      isPossible && may && el("div", { class: "row" }, button({ click: once(() => rollBack(name)) }, t("indexes.back"))),
      all.length > 0 && !isPossible && el("p", { class: "muted" }, t("indexes.no_back")),
    );
  }

  return {
    element,
    async show(collection, _, signal) {
      const may = mayAdminister(access.value ?? (await server.getAccess({ signal })));
      admin.hidden = may;
      const { name } = collection;
      fill(facts, ...factsOf(collection));
      const [state, found] = await Promise.all([server.readyz({ signal }), server.listGenerations({ collection: name, signal })]);
      fill(ready, ...readiness(state));
      drawGenerations(collection, found, may);
      runner.start.hidden = !may;
      await runner.show(name, signal, ([latest]) => fill(checked, ...(latest?.result ? report(latest) : [])));
    },
  };
}

/** @param {{damaged?: Record<string, string>}} state */
function readiness({ damaged = {} }) {
  const names = Object.entries(damaged);
  return [
    el("h2", {}, names.length ? t("health.problems", { count: names.length }) : t("health.ready")),
    ...(names.length
      ? names.map(([name, why]) =>
          el("details", {}, el("summary", { class: "form-problem" }, t("health.unusable", { name })), el("p", {}, why)),
        )
      : [el("p", { class: "muted" }, t("health.ready_text"))]),
  ];
}

/** @param {import("../owner_view.js").Collection & Record<string, *>} collection */
const factsOf = (collection) =>
  [
    [number(collection.items), t("health.fact.items")],
    [number(collection.unsearchable), t("health.fact.unsearchable")],
    [number(collection.pending), t("health.fact.pending")],
    [exactPercent(collection["index_recall@10"]), t("health.fact.recall")],
  ].map(([value, name]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));

/** @param {import("../client.js").Generation[]} all @param {(each: import("../client.js").Generation) => boolean} isOther */
const generationTable = (all, isOther) =>
  el(
    "div",
    { class: "table-frame", tabindex: 0, role: "region", "aria-label": t("indexes.list") },
    el(
      "table",
      { class: "table" },
      el(
        "thead",
        {},
        el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, t(`indexes.column.${name}`))), el("td", {})),
      ),
      el(
        "tbody",
        {},
        ...all.map((each) => {
          const { made_at: made, items, megabytes, current, sound, name, index } = each;
          return el(
            "tr",
            { title: [name, index].filter(Boolean).join(", ") },
            el("th", { scope: "row" }, el("time", { datetime: made }, ago(made))),
            el("td", {}, items === null ? "" : number(items)),
            el("td", {}, megabytes === null ? "" : `${number(megabytes)} MB`),
            el(
              "td",
              {},
              current && el("span", { class: "badge", "data-state": "running" }, t("indexes.current")),
              !sound && el("span", { class: "badge", "data-state": "failed" }, t("indexes.damaged")),
              isOther(each) && el("span", { class: "badge" }, t("indexes.former")),
            ),
          );
        }),
      ),
    ),
  );

/** What a check found. @param {import("../client.js").Job} job */
function report({ result, finished_at: at }) {
  const { sound, findings = [], collections = [], used_bytes: used = 0, free_bytes: free = 0 } = result ?? {};
  const errors = findings.filter(({ level }) => level === "error");
  const notes = findings.filter(({ level }) => level !== "error");
  const missing = collections.filter(({ missing_pictures: many }) => many > 0);
  const numbers = [
    [number(missing.reduce((sum, each) => sum + each.missing_pictures, 0)), t("health.fact.missing")],
    [fileSize(used), t("health.fact.used")],
    [fileSize(free), t("health.fact.free")],
  ];
  return [
    el(
      "p",
      {},
      el("strong", {}, sound ? t("health.sound") : t("health.problems", { count: errors.length })),
      " ",
      el("span", { class: "muted" }, t("health.checked", { ago: ago(at ?? "") })),
    ),
    el("dl", { class: "numbers numbers-row" }, ...numbers.map(([value, name]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    findingList(errors, true),
    ...missing.map(({ name, missing_pictures: many, missing_examples: some }) =>
      el(
        "details",
        {},
        el("summary", {}, t("health.missing", { name, count: many })),
        el("p", { class: "note" }, t("health.missing_help")),
        el("ul", { role: "list" }, ...some.map((id) => el("li", {}, id))),
      ),
    ),
    notes.length > 0 && el("details", {}, el("summary", {}, t("health.notes", { count: notes.length })), findingList(notes, false)),
  ].filter((each) => each instanceof Node);
}

/**
 * @typedef {object} Finding
 * @property {string} where @property {string} what As they are written in the log, in English.
 * @property {string} [code]
 * @property {{item?: string, collection?: string, file?: string, name?: string, count?: number}} [parameters]
 */
const KINDS = /** @type {const} */ (["item", "collection", "file"]);

/** What is wrong, in the words of the page. @param {Finding} finding */
function wordsOf({ where, what, code = "", parameters = {} }) {
  const kind = KINDS.find((each) => parameters[each] !== undefined);
  const subject = kind ? t(`health.of.${kind}`, { name: parameters[kind] ?? "" }) : where;
  const words = textOf(`health.found.${code}`, what, parameters);
  return kind || parameters.name === undefined ? `${subject}: ${words}` : words;
}

/** @param {Finding[]} findings @param {boolean} areErrors */
function findingList(findings, areErrors) {
  if (!findings.length) return null;
  const shown = findings.slice(0, FINDINGS);
  return el(
    "div",
    { class: "stack-tight" },
    el(
      "ul",
      { role: "list", class: areErrors ? "form-problem" : "" },
      ...shown.map((each) => el("li", {}, wordsOf(each))),
      findings.length > FINDINGS && el("li", {}, t("health.more", { number: findings.length - FINDINGS })),
    ),
    el(
      "details",
      { class: "notice-details" },
      el("summary", {}, t("problem.details")),
      ...shown.map(({ where, what }) => el("p", {}, `${where}: ${what}`)),
    ),
  );
}
