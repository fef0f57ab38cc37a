/* Changing what is known of one item, or the same of many. */

import { Problem } from "../client.js";
import { button, el, iconButton } from "../dom.js";
import { dialog } from "../dialog.js";
import { once } from "../once.js";
import { itemName, percent } from "../format.js";
import { t } from "../language.js";
import { server } from "../owner_server.js";
import { wordsOf } from "../words.js";
import { inBatches } from "./batches.js";
import { changeItem } from "./change.js";
import { FormProblem } from "./form_problem.js";
import { labelList } from "./label_list.js";
import { readLike, written } from "./values.js";
import { thumb } from "./thumb.js";

/** @typedef {import("../client.js").Item} Item */

/**
 * @param {string} collection @param {Item[]} items @param {string[]} fields Names of attributes.
 * @returns {Promise<?Item[]>} The items as they are now; null where nothing was changed.
 */
export function editDialog(collection, items, fields) {
  return new Promise((resolve) => {
    let [first] = items;
    const isOne = items.length === 1;
    const answer = (value) => {
      element.close();
      element.remove();
      resolve(value);
    };
    /** Not while it is being saved: nobody would know what is. */
    const leave = () => save.ariaBusy || answer(null);
    const title = isOne
      ? t("items.edit_one", { name: itemName(first) })
      : t("items.edit_many", { count: items.length });
    const element = dialog(title, "edit-dialog", leave);
    const texts = {
      label: textRow("label", items),
      product_id: textRow("product_id", items),
    };
    texts.label.input.setAttribute("list", "edit-labels");
    const labels = labelList("edit-labels", texts.label.input);
    labels.collection = collection;
    const namesOf = (item) => (isOne ? Object.keys(item.attributes) : []);
    const rows = el("div", { class: "stack-tight" });
    /** @type {ReturnType<typeof attributeRow>[]} */
    const attributes = [];
    const addRow = (name) => {
      const row = attributeRow(name, isOne ? [first] : items, attributes.length);
      attributes.push(row);
      rows.append(row.element);
      return row;
    };
    namesOf(first).forEach(addRow);
    const names = el("datalist", { id: "edit-fields" }, ...fields.map((value) => el("option", { value })));
    const problem = new FormProblem();
    const end = button({ class: "button button-small", click: () => addRow("").focus() }, t("edit.add"));
    const save = button({ class: "button button-primary", type: "submit" }, t("edit.save"));

    /** @param {Record<string, *>} changes @returns {Promise<Item[]>} */
    async function sent(changes) {
      if (isOne) return [await changeItem(first, changes, { collection })];
      return inBatches(
        items.map(({ item_id: id }) => ({ op: "patch", item_id: id, ...changes })),
        (some) => server.batchItems(some, { collection }),
        (done) => (save.textContent = t("edit.saving", { share: percent(done / items.length) })),
      );
    }

    async function send() {
      problem.tell("");
      try {
        const changes = changesOf(texts, attributes);
        answer(Object.keys(changes).length ? await sent(changes) : null);
      } catch (error) {
        if (!(error instanceof Problem) && !(error instanceof TypeError)) throw error;
        save.textContent = t("edit.save");
        const field = fieldOf(error);
        (field?.closest(".attribute-row, .labelled") ?? end).after(problem.element);
        problem.tell("now" in error ? rebase(error) : said(error), field);
      }
    }

    /** What a problem is about. @returns {?HTMLElement} */
    function fieldOf(/** @type {*} */ { field, detail = "" }) {
      const [name] = detail.split(": ");
      return field ?? texts[name]?.input ?? attributes.find((row) => detail.includes(`'${row.field.value.trim()}'`))?.value ?? null;
    }

    /** What is typed becomes a change of the item as somebody else left it. @returns {string} What there is by now. */
    function rebase(/** @type {*} */ { now, ...error }) {
      first = now;
      const before = attributes.map(({ name }) => name);
      const others = [
        texts.label.rebase(now.label),
        texts.product_id.rebase(now.product_id),
        ...attributes.map((row) => row.name && row.rebase(now.attributes[row.name])),
      ].filter(Boolean);
      namesOf(now).filter((name) => !before.includes(name)).forEach(addRow);
      const [title, text] = wordsOf(error);
      return [`${title}.`, others.length ? t("edit.by_now", { values: others.join(", ") }) : text].join(" ");
    }

    element.append(
      el(
        "header",
        { class: "dialog-head" },
        el("h2", {}, title),
        iconButton("close", t("shell.close"), { click: leave }),
      ),
      el(
        "form",
        { class: "dialog-form", submit: once(send) },
        isOne &&
          el("div", { class: "edit-picture" }, thumb(first), el("p", { class: "muted" }, first.item_id)),
        !isOne && el("p", { class: "muted" }, t("edit.left_empty")),
        texts.label.element,
        labels.element,
        texts.product_id.element,
        el("h3", {}, t("edit.attributes")),
        rows,
        names,
        end,
        el("div", { class: "dialog-actions" }, button({ click: leave }, t("catalog.cancel")), save),
      ),
    );
    document.body.append(element);
    element.showModal();
    texts.label.input.focus();
  });
}

/** Of what was typed the server says all. @param {Error} error */
const said = (error) =>
  error instanceof Problem && error.status !== 422
    ? [wordsOf(error)[0], error.detail].filter(Boolean).join(": ")
    : error.message.replace(/^\w+: /, "");

/** A field that all items have. @param {"label"|"product_id"} field @param {Item[]} items */
function textRow(field, items) {
  const isOne = items.length === 1;
  let was = isOne ? (items[0][field] ?? "") : "";
  const input = el("input", { class: "field", id: `edit-${field}`, value: was, autocomplete: "off" });
  const clear = el("input", { type: "checkbox", change: () => (input.disabled = clear.checked) });
  const element = el(
    "div",
    { class: "stack-tight" },
    el("label", { class: "labelled", for: input.id }, t(`columns.field.${field}`), input),
    !isOne && el("label", { class: "choice" }, clear, t(`edit.remove_${field}`)),
  );
  return {
    element,
    input,
    /** It was changed meanwhile. @param {?string} [now] @returns {string} What it is now, where it was changed here, too. */
    rebase(now) {
      const isOther = (now ?? "") !== was;
      const isTyped = input.value.trim() !== was;
      was = now ?? "";
      if (!isTyped) input.value = was;
      return isOther && isTyped ? `${t(`columns.field.${field}`)}: ${was || "–"}` : "";
    },
    /** Undefined where it stays as it is. */
    get value() {
      if (clear.checked) return null;
      const value = input.value.trim();
      return value === was ? undefined : value || null;
    },
  };
}

/** @param {string} name @param {Item[]} items @param {number} number */
function attributeRow(name, items, number) {
  const isKnown = name !== "";
  let was = isKnown && items.length === 1 ? items[0].attributes[name] : undefined;
  let wasText = was === undefined ? "" : written(was);
  const field = el("input", {
    class: "field",
    "aria-label": t("edit.name_of", { number: number + 1 }),
    list: "edit-fields",
    value: name,
    readonly: isKnown,
    autocomplete: "off",
    placeholder: t("edit.name"),
  });
  const value = el("input", {
    class: "field",
    "aria-label": isKnown ? name : t("edit.value_of", { number: number + 1 }),
    value: wasText,
    autocomplete: "off",
    placeholder: t("edit.value"),
  });
  let removed = false;
  const remove = iconButton("remove", isKnown ? t("edit.remove", { name }) : t("edit.remove_number", { number: number + 1 }), {
    "aria-pressed": "false",
    click: () => {
      removed = !removed;
      value.disabled = removed;
      remove.setAttribute("aria-pressed", String(removed));
    },
  });
  return {
    element: el("div", { class: "attribute-row" }, field, value, remove),
    name,
    field,
    value,
    /** As of `textRow`. @param {*} now */
    rebase(now) {
      const nowText = now === undefined ? "" : written(now);
      const isOther = nowText !== wasText;
      const isTyped = value.value !== wasText;
      [was, wasText] = [now, nowText];
      if (!isTyped) value.value = wasText;
      return isOther && (isTyped || removed) ? `${name}: ${wasText || "–"}` : "";
    },
    focus: () => field.focus(),
    /** What changes: [name, value], null to remove it; null where nothing does. @returns {?[string, *]} */
    get change() {
      const called = field.value.trim();
      if (!called) {
        if (removed || !value.value) return null;
        throw Object.assign(new TypeError(t("edit.nameless")), { field });
      }
      if (removed) return isKnown || items.length > 1 ? [called, null] : null;
      if (value.value === wasText || (!isKnown && !value.value)) return null;
      if (!value.value) return [called, null];
      const example =
        was ??
        items.map(({ attributes }) => attributes[called]).find((each) => each != null);
      try {
        return [called, readLike(value.value, example, called)];
      } catch (error) {
        throw Object.assign(/** @type {TypeError} */ (error), { field: value });
      }
    },
  };
}

function changesOf({ label, product_id: product }, attributes) {
  /** @type {Record<string, *>} */
  const changes = {};
  if (label.value !== undefined) changes.label = label.value;
  if (product.value !== undefined) changes.product_id = product.value;
  const changed = attributes.map(({ change }) => change).filter(Boolean);
  if (changed.length) changes.attributes = Object.fromEntries(changed);
  return changes;
}
