/* How the columns of a table are read, and how they shall be. */

import { el } from "../dom.js";
import { count, percent, shorten } from "../format.js";

const FIELDS = { item_id: "Id", image: "Picture", label: "Label", product_id: "Product" };
const TYPES = ["text", "number", "boolean", "date", "list"];

/** @typedef {{column: string, becomes: ?string, kind: string, filled: ?number, examples: string[], note: ?string}} Column */

/**
 * @param {{rows?: ?number, columns: Column[], notes?: string[]}} report
 * @param {() => void} changed
 */
export function columnTable({ rows, columns, notes = [] }, changed) {
  const fieldOf = ({ becomes }) =>
    becomes !== null && becomes in FIELDS ? becomes : becomes === null ? "" : "attribute";
  const lines = columns.map((column) => {
    const was = fieldOf(column);
    const kind = column.kind.split(":")[0];
    const becomes = el(
      "select",
      { class: "select", "aria-label": `${column.column} becomes` },
      ...Object.entries(FIELDS).map(([name, text]) => el("option", { value: name }, text)),
      el("option", { value: "attribute" }, "Attribute"),
      was === "" && el("option", { value: "" }, "Not used"),
    );
    becomes.value = was;
    const type = el(
      "select",
      { class: "select", "aria-label": `Type of ${column.column}`, change: changed },
      ...TYPES.map((name) => el("option", { value: name }, name)),
    );
    type.value = TYPES.includes(kind) ? kind : "text";
    type.disabled = was !== "attribute";
    const line = { column, was, becomes, type, typeWas: type.value };
    becomes.addEventListener("change", () => {
      type.disabled = becomes.value !== "attribute";
      for (const other of lines) {
        // one column a field
        if (other !== line && other.becomes.value === becomes.value && becomes.value in FIELDS)
          other.becomes.value = "attribute";
      }
      changed();
    });
    return line;
  });
  const element = el(
    "div",
    { class: "stack-tight" },
    rows !== undefined &&
      rows !== null &&
      el("p", {}, `${count(rows, "row")}, ${count(columns.length, "column")}`),
    ...notes.map((note) => el("p", { class: "muted" }, note)),
    el(
      "div",
      { class: "table-frame", tabindex: 0, role: "region", "aria-label": "Columns" },
      el(
        "table",
        { class: "table" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ...["Column", "Becomes", "Type", "Filled", "Examples"].map((name) =>
              el("th", { scope: "col" }, name),
            ),
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
                column.note && el("span", { class: "note" }, column.note),
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
        if (becomes.value in FIELDS) map[becomes.value] = column.column;
      const types = lines.filter(({ type, typeWas }) => !type.disabled && type.value !== typeWas);
      return { map, type: Object.fromEntries(types.map(({ column, type }) => [column.column, type.value])) };
    },
  };
}
