/* The photos with their classes, a row each; a class is taken or corrected by Enter alone. */

import { labelList } from "../catalog/label_list.js";
import { bar, button, el, iconButton, labelText } from "../dom.js";
import { fill } from "../redraw.js";
import { percent, sureness } from "../format.js";
import { t } from "../language.js";
import { wordsOf } from "../words.js";
import { said } from "./answers.js";

const COLUMNS = /** @type {const} */ (["picture", "photo", "class", "sure", "right"]);
const DOUBTS = /** @type {const} */ (["no_labels", "too_few", "too_far"]);

/** @typedef {import("./photos.js").Row} Row */

/** @param {{give: (row: Row, label: ?string) => void, retry: (row: Row) => void, remove: (row: Row) => void}} acts */
export function photoTable(acts) {
  let least = 0;
  /** @type {Map<Row, {element: HTMLElement, draw: () => void, input: HTMLInputElement}>} */
  const drawn = new Map();
  const labels = labelList("classify-labels");
  const body = el("tbody", {});
  const table = el(
    "table",
    { class: "table photo-table", "aria-label": t("classify.photos") },
    el(
      "thead",
      {},
      el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, t(`classify.column.${name}`))), el("td", {})),
    ),
    body,
  );
  const nothing = el("p", { class: "muted", hidden: true }, t("classify.none_shown"));
  const element = el(
    "div",
    { class: "stack-tight" },
    labels.element,
    el("p", { class: "muted desk-only", id: "classify-keys" }, t("classify.keys")),
    el("div", { class: "table-frame" }, table),
    nothing,
  );

  /** @param {Row} row */
  function rowOf(row) {
    const known = drawn.get(row);
    if (known) return known;
    const answer = el("td", { class: "photo-class" });
    const sure = el("td", { class: "photo-sure" });
    const tools = el("div", {});
    const input = el("input", {
      class: "field",
      list: "classify-labels",
      autocomplete: "off",
      maxlength: 500,
      "aria-label": t("classify.right_class", { name: row.name }),
      "aria-describedby": "classify-keys",
      keydown: (event) => event.key === "Enter" && take(event),
      change: () => input.value.trim() && acts.give(row, input.value.trim()),
    });
    labels.serve(input);
    row.thumb.setAttribute("role", "img");
    row.thumb.setAttribute("aria-label", t("classify.photo", { name: row.name }));
    const line = el(
      "tr",
      {},
      el("td", { class: "photo-thumb" }, row.thumb),
      el("th", { scope: "row", class: "photo-name" }, row.name),
      answer,
      sure,
      el("td", { class: "photo-given" }, input),
      el("td", { class: "photo-tools" }, tools),
    );

    /** @param {KeyboardEvent} event */
    function take(event) {
      event.preventDefault();
      const label = input.value.trim() || (said(row, least)?.guess ?? "");
      if (label) acts.give(row, label);
      const next = line.nextElementSibling?.querySelector("input");
      if (next) next.focus();
    }

    function draw() {
      const { state, given, kept, problem } = row;
      const found = state === "done" ? said(row, least) : null;
      line.dataset.state = given !== null ? "given" : found && found.label === null ? "open" : state;
      input.placeholder = found?.guess ?? "";
      input.disabled = row.blob === null || kept;
      input.hidden = state === "refused";
      if (input !== document.activeElement || given !== null) input.value = given ?? "";
      const hadFocus = tools.contains(document.activeElement);
      fill(answer, ...classOf(row, found));
      fill(sure, ...surenessOf(row, found));
      fill(
        tools,
        kept && el("span", { class: "badge" }, t("classify.kept")),
        given !== null &&
          !kept &&
          iconButton("back", t("classify.take_back", { name: row.name }), { click: () => acts.give(row, null) }),
        state === "failed" &&
          button(
            {
              class: "button button-small",
              "aria-label": t("classify.retry_one", { name: row.name }),
              click: () => acts.retry(row),
            },
            t("problem.again"),
          ),
        !kept && iconButton("close", t("classify.leave_out", { name: row.name }), { click: () => acts.remove(row) }),
      );
      if (hadFocus) tools.querySelector("button")?.focus();
      line.title = problem?.detail ?? "";
    }

    const made = { element: line, draw, input };
    drawn.set(row, made);
    draw();
    return made;
  }

  return {
    element,
    /** @param {Row[]} rows In their order. @param {number} confidence Answers less sure are none. @param {string} collection */
    show(rows, confidence, collection) {
      const hasMoved = confidence !== least;
      least = confidence;
      labels.collection = collection;
      const lines = rows.map((row) => rowOf(row).element);
      if (lines.length !== body.children.length || lines.some((each, index) => body.children[index] !== each)) {
        fill(body, ...lines);
      }
      if (hasMoved) for (const row of rows) rowOf(row).draw();
      table.hidden = rows.length === 0;
      nothing.hidden = rows.length > 0;
    },
    /** @param {Row} row */
    draw: (row) => drawn.get(row)?.draw(),
    /** @param {Row} row */
    forget: (row) => drawn.delete(row),
  };
}

/** @param {Row} row @param {?import("./answers.js").Said} found */
function classOf({ state, given, problem }, found) {
  if (given !== null) return [el("strong", {}, labelText(given))];
  if (problem) {
    const [title] = wordsOf(problem);
    return [el("span", { class: "photo-problem" }, title)];
  }
  if (!found) return [el("span", { class: "muted" }, t(state === "sending" ? "classify.sending" : "classify.waiting"))];
  if (found.label !== null) return [el("strong", {}, labelText(found.label))];
  return [
    el("span", { class: "photo-open" }, t("classify.no_answer")),
    found.guess !== null &&
      found.reason === "disagree" &&
      el("span", { class: "note" }, t("classify.guess", { label: found.guess })),
  ];
}

/** @param {Row} row @param {?import("./answers.js").Said} found */
function surenessOf({ given, answer }, found) {
  if (given !== null) return [el("span", { class: "badge", "data-state": "running" }, t("classify.by_you"))];
  if (!found || !answer) return [];
  const doubt = DOUBTS.find((each) => each === found.reason);
  if (doubt) return [t(`classify.doubt.${doubt}`)];
  const word = answer.calibrated ? sureness(found.confidence) : percent(found.confidence);
  return [
    el("span", { title: percent(found.confidence) }, word),
    bar(found.confidence),
  ];
}
