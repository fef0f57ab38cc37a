/* The rows that a job refused: the first of them here, all of them to take away. */

import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { number } from "../format.js";
import { t } from "../language.js";
import { persistent } from "../owner_server.js";
import { wordsOf } from "../words.js";
import { csvOf, download } from "./download.js";
import { reasonText } from "./job_words.js";

const SHOWN = 20;
const COLUMNS = /** @type {const} */ (["row", "item", "why"]);

/** @typedef {{line: ?number, item_id: ?string, code: string, reason: string}} Refused */

/** Of a check the first ones are known, of a job that wrote all are. @param {import("../client.js").Job} job @param {HTMLElement} place */
export async function refusedRows({ id: jobId, result }, place) {
  if (result?.refused) return place.replaceChildren(table(result.refused));
  place.replaceChildren(el("p", { class: "muted" }, t("jobs.loading")));
  try {
    const lines = (await (await persistent.getJobRejects(jobId)).text()).split("\n").filter(Boolean);
    /** @type {Refused[]} */
    const rows = lines.map((line) => JSON.parse(line));
    return place.replaceChildren(
      table(rows.slice(0, SHOWN)),
      el(
        "div",
        { class: "row" },
        button(
          { class: "button button-small", click: () => download(csvOf(cellsOf(rows)), "refused.csv") },
          t("jobs.refused_download", { count: rows.length }),
        ),
      ),
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return place.replaceChildren(el("p", { class: "form-problem" }, wordsOf(error)[0]));
  }
}

/** @param {Refused[]} rows */
const table = (rows) =>
  el(
    "div",
    { class: "table-frame", tabindex: 0, role: "region", "aria-label": t("jobs.refused_table") },
    el(
      "table",
      { class: "table" },
      el("thead", {}, el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, t(`jobs.refused.${name}`))))),
      el(
        "tbody",
        {},
        ...rows.map(({ line, item_id: id, code, reason }) =>
          el(
            "tr",
            {},
            el("td", {}, line === null ? "" : number(line)),
            el("td", {}, id ?? ""),
            el("td", { title: reason }, reasonText(code)),
          ),
        ),
      ),
    ),
  );

/** @param {Refused[]} rows */
const cellsOf = (rows) => [
  ["row", "item_id", "code", "reason"],
  ...rows.map(({ line, item_id: id, code, reason }) => [line, id, code, reason]),
];
