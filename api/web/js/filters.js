/* The label filter (a searchable tree of label paths) and the number of results.

   A catalog may have more labels than anybody reads: the page knows the first ones, and where those
   are not all, what is typed is looked for by the server.

   The filter follows the ARIA pattern "editable combobox with list": the input
   keeps the focus, the current option is named by aria-activedescendant. */

import { Problem, sleep } from "./client.js";
import { byId, el } from "./dom.js";
import { lastPart, parentPath } from "./format.js";

export const LONGEST_LIST = 300;
const TYPING_MS = 150;

/**
 * Every path of the label tree in reading order; a count includes everything below.
 * @param {{labels: {label: string, count: number}[], next_cursor: ?string}} page Counts are null
 *   where more labels follow: they may be below any of these.
 */
export function labelTree({ labels, next_cursor: more }) {
  const counts = new Map();
  for (const { label, count } of labels) {
    const parts = label.split("/");
    parts.forEach((_, index) => {
      const path = parts.slice(0, index + 1).join("/");
      counts.set(path, (counts.get(path) ?? 0) + count);
    });
  }
  return [...counts]
    .map(([path, count]) => ({ path, count: more ? null : count, parts: path.split("/") }))
    .sort((a, b) => compareParts(a.parts, b.parts));
}

/** The paths that contain every word typed. */
export function matching(tree, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return tree.filter(({ path }) => words.every((word) => path.toLowerCase().includes(word)));
}

export class LabelFilter extends EventTarget {
  #root = byId("label-combo");
  #input = byId("label");
  #list = byId("label-options");
  #clear = byId("label-clear");
  #tree = [];
  #hasAll = true;
  #find = null;
  #asking = new AbortController();
  #total = 0;
  #value = "";
  #options = [];
  #current = -1;

  constructor() {
    super();
    this.#input.addEventListener("focus", () => this.#input.select());
    this.#input.addEventListener("click", () => this.#open(""));
    this.#input.addEventListener("input", () => this.#open(this.#input.value));
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("blur", () => this.#close());
    this.#clear.addEventListener("click", () => {
      this.#choose("");
      this.focus();
    });
    this.#list.addEventListener("mousedown", (event) => event.preventDefault()); // keep the focus
    this.#list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      this.#choose(this.#options[Number(option.dataset.index)].path);
      this.#input.blur(); // a phone's keyboard makes way for the results
    });
  }

  /**
   * @param {object} page The first labels; see `labelTree`.
   * @param {number} total Items of the collection.
   * @param {(text: string, signal: AbortSignal) => Promise<object>} find A page of the labels with
   *   a text in them; asked where the first ones are not all.
   */
  setLabels(page, total, find) {
    this.#asking.abort();
    this.#tree = labelTree(page);
    this.#hasAll = page.next_cursor === null;
    this.#total = total;
    this.#find = find;
  }

  /** The chosen path; "" for everything. */
  set value(path) {
    this.#value = path;
    this.#input.value = path;
    this.#clear.hidden = !path;
    this.#root.toggleAttribute("data-active", Boolean(path));
  }

  focus() {
    this.#input.focus();
  }

  get #isOpen() {
    return !this.#list.hidden;
  }

  #open(typed) {
    this.#asking.abort();
    if (this.#hasAll || !typed.trim()) this.#show(this.#tree, typed);
    else this.#ask(typed);
  }

  /** Let the server look for the longest word; the others narrow what it finds. */
  async #ask(typed) {
    this.#asking = new AbortController();
    this.#moveTo(-1); // what is listed is of an earlier text
    const { signal } = this.#asking;
    const [longest] = typed.trim().split(/\s+/).sort((a, b) => b.length - a.length);
    try {
      await sleep(TYPING_MS, signal);
      const page = await this.#find(longest, signal);
      if (!signal.aborted) this.#show(labelTree(page), typed);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) throw error;
    }
  }

  #show(tree, typed) {
    const everything = { path: "", count: this.#total };
    const found = matching(tree, typed);
    this.#options = (typed.trim() ? found : [everything, ...found]).slice(0, LONGEST_LIST);
    this.#list.replaceChildren(
      ...this.#options.map((option, index) => this.#row(option, index, Boolean(typed.trim()))),
    );
    if (!this.#options.length) {
      this.#list.append(el("li", { class: "option-none", role: "presentation" }, "No such label"));
    }
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#moveTo(typed.trim() ? 0 : this.#options.findIndex(({ path }) => path === this.#value));
  }

  #close() {
    this.#asking.abort();
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
    this.#input.value = this.#value;
  }

  #choose(path) {
    this.value = path;
    this.#close();
    this.dispatchEvent(new CustomEvent("change", { detail: path }));
  }

  /** One option; while searching, the way to it is written out instead of indented. */
  #row({ path, count }, index, searching) {
    const parent = searching && parentPath(path);
    const row = el(
      "li",
      {
        class: "option",
        id: `label-option-${index}`,
        role: "option",
        "aria-selected": String(path === this.#value),
        "data-index": index,
      },
      el(
        "span",
        {},
        parent && el("span", { class: "option-parent" }, `${parent}/`),
        path ? lastPart(path) : "All labels",
      ),
      el("span", { class: "option-count" }, count === null ? "" : String(count)),
    );
    const depth = searching || !path ? 0 : path.split("/").length - 1;
    row.style.setProperty("--depth", String(depth));
    return row;
  }

  #moveTo(index) {
    this.#list.querySelector("[data-current]")?.removeAttribute("data-current");
    this.#current = index;
    const row = this.#list.children[index];
    if (!row || !this.#options.length) {
      this.#input.removeAttribute("aria-activedescendant");
      return;
    }
    row.setAttribute("data-current", "");
    row.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", row.id);
  }

  #onKey(event) {
    const last = this.#options.length - 1;
    const moves = {
      ArrowDown: () => (this.#current >= last ? 0 : this.#current + 1),
      ArrowUp: () => (this.#current <= 0 ? last : this.#current - 1),
    };
    if (event.key in moves) {
      event.preventDefault();
      if (this.#isOpen) this.#moveTo(moves[event.key]());
      else this.#open("");
    } else if (event.key === "Enter" && this.#isOpen) {
      event.preventDefault();
      const option = this.#options[this.#current];
      if (option) this.#choose(option.path);
    } else if (event.key === "Escape") {
      event.stopPropagation(); // leave the list first, then the field, then the search
      if (this.#isOpen) this.#close();
      else this.#input.blur();
    }
  }
}

/** The choice of how many results to show. */
export class SizeChoice extends EventTarget {
  #root = byId("size");

  constructor() {
    super();
    this.#root.addEventListener("change", (event) => {
      this.dispatchEvent(new CustomEvent("change", { detail: Number(event.target.value) }));
    });
  }

  set value(k) {
    for (const radio of this.#root.querySelectorAll("input")) radio.checked = Number(radio.value) === k;
  }
}

function compareParts(a, b) {
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const order = a[index].localeCompare(b[index]);
    if (order) return order;
  }
  return a.length - b.length;
}
