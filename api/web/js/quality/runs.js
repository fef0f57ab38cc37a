/* Earlier measurements, and two of them side by side. */

import { el } from "../dom.js";
import { ago, fieldName, number } from "../format.js";
import { words } from "./words.js";

const text = words.results;
/** @type {[measure: string, name: string][]} */
const MEASURES = [
  ["accuracy", text.runColumns[3]],
  ["hit_rate@1", text.runColumns[4]],
  ["hit_rate@10", text.runColumns[5]],
  ["map", text.runColumns[6]],
];

/** @typedef {import("../client.js").Job} Job */

/** @param {Job[]} runs @param {Job} current @param {?Job} other @param {{open: (id: string) => string, compare: (id: string) => string}} hrefs */
export const runTable = (runs, current, other, hrefs) =>
  el(
    "section",
    { class: "stack-tight" },
    el("h3", {}, text.runs),
    el(
      "div",
      { class: "table-frame", tabindex: 0, role: "region", "aria-label": text.runs },
      el(
        "table",
        { class: "table" },
        el(
          "thead",
          {},
          el("tr", {}, ...text.runColumns.map((name) => el("th", { scope: "col" }, name)), el("td", {})),
        ),
        el("tbody", {}, ...runs.map((run) => runRow(run, current, other, hrefs))),
      ),
    ),
  );

/** @param {Job} run @param {Job} current @param {?Job} other */
function runRow(run, current, other, hrefs) {
  const found = run.result ?? {};
  const isCurrent = run === current;
  return el(
    "tr",
    { "aria-current": isCurrent && "true" },
    el("th", { scope: "row" }, el("a", { href: hrefs.open(run.id) }, ago(run.finished_at ?? ""))),
    el("td", {}, text.fields[found.target] ?? fieldName(String(found.target))),
    el("td", {}, number(found.queries ?? 0)),
    ...MEASURES.map(([measure]) => el("td", {}, shown(found[measure]))),
    el("td", {}, String(found.encoder ?? "").split(" ")[0]),
    el(
      "td",
      {},
      run === other
        ? text.compared
        : !isCurrent &&
            el(
              "a",
              { class: "button button-small", href: hrefs.compare(run.id), "aria-label": `${text.compare} ${ago(run.finished_at ?? "")}` },
              text.compare,
            ),
    ),
  );
}

/** Two runs side by side, the later one as what is now. @param {Job} one @param {Job} two */
export function comparison(one, two) {
  const [before, now] = [one, two].sort((a, b) => a.created_at.localeCompare(b.created_at));
  const [was, is] = [before.result ?? {}, now.result ?? {}];
  const isSame = was.target === is.target && was.asked === is.asked;
  return el(
    "section",
    { class: "panel", "aria-labelledby": "quality-compared" },
    el("h3", { id: "quality-compared" }, text.compared),
    !isSame && el("p", { class: "form-problem" }, text.notComparable),
    el(
      "table",
      { class: "table" },
      el(
        "thead",
        {},
        el("tr", {}, el("td", {}), ...[text.before, text.now, text.difference].map((name) => el("th", { scope: "col" }, name))),
      ),
      el(
        "tbody",
        {},
        ...MEASURES.map(([measure, name]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name),
            el("td", {}, shown(was[measure])),
            el("td", {}, shown(is[measure])),
            el("td", {}, verdict(was, is, measure)),
          ),
        ),
      ),
    ),
  );
}

/** Better only where the ranges of both do not meet. @param {Record<string, *>} was @param {Record<string, *>} is @param {string} measure */
function verdict(was, is, measure) {
  const [low, high] = was.intervals?.[measure] ?? [];
  const [from, to] = is.intervals?.[measure] ?? [];
  if (low === undefined || from === undefined) return "";
  if (from > high) return text.better;
  return to < low ? text.worse : text.same;
}

/** @param {*} share */
const shown = (share) => (typeof share === "number" ? text.value(share) : "");
