/* How the columns of a table are read, and how they shall be. */

import { el } from "../dom.js";
import { count, percent, shorten } from "../format.js";
import { t } from "../language.js";
import { withoutFlags } from "./job_words.js";

const FIELDS = /** @type {const} */ (["item_id", "image", "label", "product_id"]);
const KINDS = /** @type {const} */ (["text", "number", "boolean", "date", "list"]);
const HEADS = /** @type {const} */ (["column", "becomes", "type", "filled", "examples"]);

/** @param {?string} name */
const isField = (name) => FIELDS.some((each) => each === name);

/** @typedef {{column: string, becomes: ?string, kind: string, filled: ?number, examples: string[], note: ?string}} Column */

/**
 * @param {{rows?: ?number, columns: Column[], notes?: string[]}} report
 * @param {() => void} changed
 */
export function columnTable({ rows, columns, notes = [] }, changed) {
  const fieldOf = ({ becomes }) =>
    isField(becomes) ? becomes : becomes === null ? "" : "attribute";
  const lines = columns.map((column) => {
    const was = fieldOf(column);
    const kind = column.kind.split(":")[0];
    const becomes = el(
      "select",
      { class: "select", "aria-label": t("columns.column_becomes", { column: column.column }) },
      ...FIELDS.map((name) => el("option", { value: name }, t(`columns.field.${name}`))),
      el("option", { value: "attribute" }, t("columns.field.attribute")),
      was === "" && el("option", { value: "" }, t("columns.field.unused")),
    );
    becomes.value = was;
    const type = el(
      "select",
      { class: "select", "aria-label": t("columns.type_of", { column: column.column }), change: changed },
      ...KINDS.map((name) => el("option", { value: name }, t(`columns.kind.${name}`))),
    );
    type.value = KINDS.find((each) => each === kind) ?? "text";
    type.disabled = was !== "attribute";
    const line = { column, was, becomes, type, typeWas: type.value };
    becomes.addEventListener("change", () => {
      type.disabled = becomes.value !== "attribute";
      for (const other of lines) {
        // one column a field
        if (other !== line && other.becomes.value === becomes.value && isField(becomes.value))
          other.becomes.value = "attribute";
      }
      changed();
    });
    return line;
  });
  const element = el(
    "div",
    { class: "stack-tight" },
    rows != null &&
      el("p", {}, `${count(rows, "row")}, ${count(columns.length, "column")}`),
    ...notes.map((note) => el("p", { class: "muted" }, withoutFlags(note))),
    el(
      "div",
      { class: "table-frame", tabindex: 0, role: "region", "aria-label": t("columns.region") },
      el(
        "table",
        { class: "table" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ...HEADS.map((name) => el("th", { scope: "col" }, t(`columns.${name}`))),
          ),
        ),
        el(
          "tbody",
          {},
          ...lines.map(({ column, becomes, type }) =>
            el(
              "tr",
              {},
              el(
                "th",
                { scope: "row" },
                column.column,
                column.note && el("span", { class: "note" }, withoutFlags(column.note)),
              ),
              el("td", {}, becomes),
              el("td", {}, type),
              el("td", {}, column.filled === null ? "" : percent(column.filled)),
              el("td", { class: "examples" }, column.examples.map((each) => shorten(each, 40)).join(" · ")),
            ),
          ),
        ),
      ),
    ),
  );

  return {
    element,
    /** As it is shown, as parameters of a job: all fields, and the types that were changed. */
    chosen() {
      /** @type {Record<string, string>} */
      const map = { item_id: "", image: "", label: "", product_id: "" };
      for (const { column, becomes } of lines)
        if (isField(becomes.value)) map[becomes.value] = column.column;
      const types = lines.filter(({ type, typeWas }) => !type.disabled && type.value !== typeWas);
      return { map, type: Object.fromEntries(types.map(({ column, type }) => [column.column, type.value])) };
    },
  };
}
