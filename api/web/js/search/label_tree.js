/* The tree of labels, to narrow to one or several of them.

   A catalog may have more labels than anybody reads: the page knows the first ones, and where those
   are not all, a node that is opened and what is typed are asked of the server. */

import { Problem, sleep } from "../search_client.js";
import { button, el, unseen } from "../dom.js";
import { fill } from "../redraw.js";
import { lastPart, number, parentPath } from "../format.js";
import { t } from "../language.js";
import { withLabel } from "./address.js";

const TYPING_MS = 200;
const SHORT = 12; // so many labels need no field to look for one

/** @typedef {{labels: {label: string, count: ?number}[], next_cursor: ?string}} LabelPage */
/** @typedef {{path: string, count: ?number, parts: string[]}} Node_ */

/**
 * Every path of the label tree in reading order; a count includes everything below.
 * @param {LabelPage} page Counts are null where more labels follow: they may be below any of these.
 * @returns {Node_[]}
 */
export function labelTree({ labels, next_cursor: more }) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { label, count } of labels) {
    const parts = label.split("/");
    parts.forEach((_, index) => {
      const path = parts.slice(0, index + 1).join("/");
      counts.set(path, (counts.get(path) ?? 0) + (count ?? 0));
    });
  }
  return [...counts]
    .map(([path, count]) => ({ path, count: more ? null : count, parts: path.split("/") }))
    .sort((a, b) => compareParts(a.parts, b.parts));
}

/** The paths that contain every word typed. @param {Node_[]} tree @param {string} typed */
function matching(tree, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return tree.filter(({ path }) => words.every((word) => path.toLowerCase().includes(word)));
}

/**
 * @param {import("./address.js").Go} go
 * @param {(query: {under?: string, q?: string}, signal: AbortSignal) => Promise<LabelPage>} find
 */
export function labelFilter(go, find) {
  /** @type {LabelPage} */
  let page = { labels: [], next_cursor: null };
  /** @type {Node_[]} */
  let tree = [];
  /** @type {?Map<string, number>} Under the other filters, where they are known. */
  let counts = null;
  let hasTotals = true;
  /** @type {string[]} */
  let chosen = [];
  let asking = new AbortController();
  const opened = new Set();
  const list = el("ul", { class: "tree", role: "list" });
  const search = el("input", {
    class: "field",
    type: "search",
    "aria-label": t("filter.find_label"),
    placeholder: t("filter.find_label"),
    autocomplete: "off",
    input: () => look(),
  });
  const element = el(
    "fieldset",
    { class: "filter", role: "group", "aria-label": t("filter.label"), hidden: true },
    el("legend", { class: "filter-name" }, t("filter.label")),
    search,
    list,
  );

  const draw = () => {
    const typed = search.value.trim();
    const rows = typed ? matching(tree, typed).map((node) => row(node, [], true)) : below("");
    element.hidden = tree.length === 0 || (rows.length === 0 && !typed);
    fill(list, ...rows, rows.length === 0 && typed && el("li", { class: "muted" }, t("filter.no_label")));
  };

  const below = (parent) => {
    const depth = parent ? parent.split("/").length : 0;
    return tree
      .filter(({ path, parts }) => parts.length === depth + 1 && parentPath(path) === parent)
      .filter(({ path }) => countOf({ path, count: 1 }) !== 0 || chosen.includes(path))
      .map((node) => {
        const isOpen = opened.has(node.path) || chosen.some((each) => each.startsWith(`${node.path}/`));
        return row(node, isOpen ? below(node.path) : [], false);
      });
  };

  const countOf = ({ path, count }) => {
    if (!counts) return hasTotals ? count : null;
    return [...counts].reduce(
      (sum, [label, items]) => sum + (label === path || label.startsWith(`${path}/`) ? items : 0),
      0,
    );
  };

  const row = (node, children, whole) => {
    const { path, parts } = node;
    const isParent =
      !whole && tree.some((each) => each.parts.length > parts.length && each.path.startsWith(`${path}/`));
    const shownCount = countOf(node);
    const change = () => go(withLabel(path, box.checked));
    const box = el("input", { type: "checkbox", "data-key": path, change });
    box.checked = chosen.includes(path);
    const opener =
      isParent &&
      button(
        { class: "tree-opener", "data-key": path, "aria-expanded": String(children.length > 0), click: () => open(path) },
        unseen(t("filter.below", { name: lastPart(path) })),
      );
    return el(
      "li",
      {},
      el(
        "div",
        { class: "tree-row" },
        opener || el("span", { class: "tree-opener" }),
        el(
          "label",
          { class: "choice" },
          box,
          el(
            "span",
            { class: "choice-text" },
            whole && parentPath(path) && el("span", { class: "muted" }, `${parentPath(path)}/`),
            lastPart(path),
          ),
          shownCount !== null && el("span", { class: "choice-count" }, number(shownCount)),
        ),
      ),
      children.length > 0 && el("ul", { role: "list" }, ...children),
    );
  };

  const open = async (path) => {
    if (opened.has(path)) opened.delete(path);
    else opened.add(path);
    draw();
    if (page.next_cursor && opened.has(path)) await ask({ under: path });
  };

  const look = async () => {
    asking.abort();
    draw();
    const [longest = ""] = search.value
      .trim()
      .split(/\s+/)
      .sort((a, b) => b.length - a.length);
    if (!longest || !page.next_cursor) return;
    asking = new AbortController();
    await sleep(TYPING_MS, asking.signal).then(
      () => ask({ q: longest }),
      () => {},
    );
  };

  /** Add what the server knows. */
  const ask = async (query) => {
    asking = new AbortController();
    const { signal } = asking;
    try {
      const found = await find(query, signal);
      if (signal.aborted) return;
      const known = new Map([...page.labels, ...found.labels].map((each) => [each.label, each]));
      page = { labels: [...known.values()], next_cursor: page.next_cursor };
      tree = labelTree(page);
      draw();
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) throw error;
    }
  };

  return {
    element,
    focus: () => (search.hidden ? list.querySelector("input") : search)?.focus(),
    /** The first labels of a collection. @param {LabelPage} first */
    setLabels(first) {
      page = first;
      tree = labelTree(first);
      counts = null;
      opened.clear();
      const roots = tree.filter(({ parts }) => parts.length === 1);
      if (roots.length === 1) opened.add(roots[0].path);
      search.value = "";
      search.hidden = tree.length <= SHORT && !first.next_cursor;
      element.hidden = tree.length === 0;
    },
    /**
     * @param {string[]} labels
     * @param {?Map<string, number>} items How many of each label there are under the other filters;
     *   null where that is not known. @param {boolean} filtered Whether there are other filters.
     */
    show(labels, items, filtered) {
      chosen = labels;
      counts = items;
      hasTotals = !filtered;
      draw();
    },
  };
}

function compareParts(a, b) {
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const order = a[index].localeCompare(b[index]);
    if (order) return order;
  }
  return a.length - b.length;
}
