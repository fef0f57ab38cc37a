/* Earlier measurements, and two of them side by side. */

import { el } from "../dom.js";
import { ago, exactPercent, fieldName, number } from "../format.js";
import { t } from "../language.js";

const MEASURES = /** @type {const} */ ([
  ["accuracy", "accuracy"],
  ["hit_rate@1", "first"],
  ["hit_rate@10", "ten"],
  ["map", "map"],
]);
const COLUMNS = /** @type {const} */ (["measured", "by", "photos", "accuracy", "first", "ten", "map", "encoder"]);
const HOW = ["target", "asked", "split", "relearned"];
const DIFFERENCES = /** @type {const} */ (["before", "now", "difference"]);

/** @typedef {import("../client.js").Job} Job */

/** @param {Job[]} runs @param {Job} current @param {?Job} other @param {{open: (id: string) => string, compare: (id: string) => string}} hrefs */
export const runTable = (runs, current, other, hrefs) =>
  el(
    "section",
    { class: "stack-tight" },
    el("h3", {}, t("runs.title")),
    el(
      "div",
      { class: "table-frame", tabindex: 0, role: "region", "aria-label": t("runs.title") },
      el(
        "table",
        { class: "table" },
        el(
          "thead",
          {},
          el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, t(`runs.column.${name}`))), el("td", {})),
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
    el("td", {}, targetName(String(found.target))),
    el("td", {}, number(found.queries ?? 0)),
    ...MEASURES.map(([measure]) => el("td", {}, shown(found[measure]))),
    el("td", {}, String(found.encoder ?? "").split(" ")[0]),
    el(
      "td",
      {},
      run === other
        ? t("runs.compared")
        : !isCurrent &&
            el(
              "a",
              {
                class: "button button-small",
                href: hrefs.compare(run.id),
                "aria-label": t("runs.compare_with", { ago: ago(run.finished_at ?? "") }),
              },
              t("runs.compare"),
            ),
    ),
  );
}

/** Two runs side by side, the later one as what is now. @param {Job} one @param {Job} two */
export function comparison(one, two) {
  const [before, now] = [one, two].sort((a, b) => a.created_at.localeCompare(b.created_at));
  const [was, is] = [before.result ?? {}, now.result ?? {}];
  const isSame = HOW.every((name) => (was[name] || 0) === (is[name] || 0));
  return el(
    "section",
    { class: "panel", "aria-labelledby": "quality-compared", tabindex: -1 },
    el("h3", { id: "quality-compared" }, t("runs.compared")),
    !isSame && el("p", { class: "form-problem" }, t("runs.not_comparable")),
    el(
      "table",
      { class: "table" },
      el(
        "thead",
        {},
        el("tr", {}, el("td", {}), ...DIFFERENCES.map((name) => el("th", { scope: "col" }, t(`runs.${name}`)))),
      ),
      el(
        "tbody",
        {},
        ...MEASURES.map(([measure, name]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, t(`runs.column.${name}`)),
            el("td", {}, shown(was[measure])),
            el("td", {}, shown(is[measure])),
            el("td", {}, isSame && verdict(was, is, measure)),
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
  if (from > high) return t("runs.better");
  return to < low ? t("runs.worse") : t("runs.same");
}

/** What classes were taken from: a field of items. @param {string} field */
export function targetName(field) {
  if (field === "label" || field === "product_id") return t(`columns.field.${field}`);
  return fieldName(field);
}

/** @param {*} share */
const shown = (share) => (typeof share === "number" ? exactPercent(share) : "");
