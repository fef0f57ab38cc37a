/* The items of a collection, page by page: found, chosen, changed, deleted. */

import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { count } from "../format.js";
import { t } from "../language.js";
import { nothingNotice } from "../notices.js";
import { server } from "../owner_server.js";
import { FIRST_PAGE, START, itemsQuery, toUrl } from "./address.js";
import { confirm } from "./confirm.js";
import { editDialog } from "./edit.js";
import { itemRows } from "./item_rows.js";
import { itemTools } from "./item_tools.js";
import { Selection } from "./selection.js";

const PAGE = 50;
const UNASKED = 20; // so many are deleted without a question
const ALL_AT_ONCE = 500;
const NO_PAGE = { items: [], total: 0, next_cursor: null, warnings: [] };

/** @typedef {import("../client.js").Item} Item */

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  let state = START;
  let collection = "";
  let fields = /** @type {string[]} */ ([]);
  let total = 0;
  /** @type {Map<string, string>} The address of the page before, by that of a page. */
  const before = new Map();
  const selection = new Selection();
  const tools = itemTools(around);
  const rows = itemRows(selection, {
    edit: (item) => edit([item]),
    remove: (item) => remove([item.item_id]),
  });
  const chosen = el("div", { class: "selection-bar", role: "region", "aria-label": t("items.chosen_region") });
  const nothing = el("div", {});
  const pages = el("nav", {
    class: "row pages",
    "aria-label": t("items.pages"),
    click: (event) => rows.element.inert && event.preventDefault(), // the next page of what was shown before
  });
  const element = el("div", { class: "stack" }, tools.element, chosen, nothing, rows.element, pages);
  selection.addEventListener("change", showChosen);

  /** @param {Item[]} items */
  async function edit(items) {
    const changed = await editDialog(collection, items, fields);
    if (changed) {
      rows.replace(changed);
      selection.update(changed);
    } else around.refresh(); // somebody else may have changed them
    if (items.length === 1) rows.focus(items[0]);
  }

  /** @param {string[]} ids */
  async function remove(ids) {
    const many = t("items.delete_many", { count: ids.length });
    const asks = ids.length > UNASKED;
    if (asks && !(await confirm(many, t("items.undo_hint"), t("catalog.delete")))) return;
    selection.clear();
    around.deletions.add(collection, ids);
    rows.drop(ids);
  }

  function showChosen() {
    const size = selection.size;
    chosen.hidden = size === 0;
    fill(
      chosen,
      el("strong", {}, t("items.chosen", { count: size })),
      size < total &&
        button(
          { class: "button button-small", click: once(() => around.act(chooseAll)) },
          t("items.choose_all", { count: total }),
        ),
      el("span", { class: "spacer" }),
      button({ class: "button button-small", click: () => edit(selection.items) }, t("items.edit")),
      button(
        { class: "button button-small", click: () => remove(selection.items.map(({ item_id: id }) => id)) },
        t("catalog.delete"),
      ),
      button({ class: "button button-small", click: () => selection.clear() }, t("items.choose_none")),
    );
  }

  /** @param {AbortSignal} signal */
  const ask = (signal) =>
    server.listItems({
      collection,
      ...itemsQuery(state),
      cursor: state.cursor || undefined,
      limit: PAGE,
      signal,
    });

  async function chooseAll() {
    const all = [];
    const asked = itemsQuery(state);
    for await (const item of server.items({ collection, ...asked, limit: ALL_AT_ONCE })) {
      if (!around.deletions.has(collection, item.item_id)) all.push(item);
    }
    if (JSON.stringify(asked) === JSON.stringify(itemsQuery(state))) selection.add(all);
  }

  /** @param {number} shown @param {?string} next */
  function showPages(shown, next) {
    const here = toUrl(state);
    const after = next && around.href({ cursor: next, from: state.from + PAGE });
    if (after) before.set(after, here);
    pages.hidden = shown === 0;
    const hadFocus = pages.contains(document.activeElement);
    const previous = before.get(here) ?? around.href(FIRST_PAGE);
    fill(
      pages,
      state.cursor &&
        el("a", { class: "button", "data-key": "previous", href: previous }, t(before.has(here) ? "items.previous" : "items.first")),
      el(
        "span",
        { class: "muted" },
        t("items.range", { first: state.from + 1, last: state.from + shown, total }),
      ),
      after && el("a", { class: "button", "data-key": "next", href: after }, t("items.next")),
    );
    if (hadFocus && !pages.contains(document.activeElement)) pages.querySelector("a")?.focus();
  }

  return {
    element,
    async show(wanted, signal, described) {
      const isSame = toUrl(wanted) === toUrl(state);
      state = wanted;
      collection = /** @type {string} */ (state.collection);
      tools.show(state, fields);
      if (!isSame) rows.showLoading();
      const found = await described;
      const page = found ? await ask(signal).catch(tools.problemOf) : NO_PAGE;
      if (signal.aborted) return;
      fields = found?.fields ?? [];
      tools.show(state, fields);
      const items = page.items.filter(({ item_id: id }) => !around.deletions.has(collection, id));
      total = page.total - (page.items.length - items.length);
      rows.show(items, state.as, fields);
      tools.tell(page.warnings);
      const isNarrowed = Boolean(state.q || state.label || state.filter);
      fill(
        nothing,
        ...(items.length
          ? []
          : [
              isNarrowed
                ? nothingNotice(
                    t("items.none.title"),
                    t("items.none.text"),
                    el(
                      "a",
                      { class: "button", href: around.href({ q: "", label: "", filter: "", ...FIRST_PAGE }) },
                      t("items.show_all"),
                    ),
                  )
                : nothingNotice(
                    t("catalog.nothing.title"),
                    t("catalog.nothing.text"),
                    el(
                      "a",
                      {
                        class: "button button-primary",
                        href: around.href({ ...START, collection, part: "add" }),
                      },
                      t("catalog.add_pictures"),
                    ),
                  ),
            ]),
      );
      showPages(page.items.length, page.next_cursor);
      showChosen();
      rows.element.setAttribute("aria-label", count(total, "item"));
    },
  };
}
