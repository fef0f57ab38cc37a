/* Items that show the same: which one to keep. */

import { button, el } from "../dom.js";
import { ago, count, itemName, number } from "../format.js";
import { nothingNotice } from "../notices.js";
import { persistent, server } from "../owner_server.js";
import { jobRow } from "./job_row.js";
import { thumb } from "./thumb.js";

const PAGE = 12; // groups
const TIERS = {
  exact: ["The same file", "Byte for byte."],
  near: ["The same picture", "Resized, saved anew, cropped, mirrored or marked."],
  alike: ["Look alike", "Perhaps the same thing, perhaps another one of its kind."],
};
const SCORES = { 0.85: "Loosely", 0.9: "Closely", 0.95: "Very closely" };

/** @typedef {import("../client.js").Item} Item */
/** @typedef {{tier: "exact"|"near"|"alike", items: string[]}} Group */

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  let collection = "";
  /** @type {?string} */
  let shownJob = null;
  /** @type {Group[]} */
  let groups = [];
  let shown = PAGE;
  /** @type {AbortSignal} */
  let alive = AbortSignal.abort();
  /** @type {Set<Group>} Those that the reader left as they are. */
  const kept = new Set();
  const score = el(
    "select",
    { class: "select", id: "alike" },
    ...Object.entries(SCORES).map(([value, text]) =>
      el("option", { value, selected: value === "0.9" }, text),
    ),
  );
  const start = button({ class: "button button-primary", click: begin }, "Find duplicates");
  const when = el("p", { class: "muted" });
  const progress = el("ul", { class: "jobs", role: "list", "aria-label": "Jobs" });
  const list = el("ul", { class: "stack", role: "list", "aria-label": "Duplicates" });
  const nothing = el("div", {});
  const sameFiles = el("div", { class: "row" });
  const more = button({ hidden: true, click: () => draw(PAGE) }, "Show more");
  const element = el(
    "section",
    { class: "stack", "aria-labelledby": "review-title" },
    el("h2", { id: "review-title" }, "Duplicates"),
    el(
      "div",
      { class: "row" },
      el("label", { class: "labelled labelled-row", for: "alike" }, "How alike", score),
      start,
    ),
    when,
    progress,
    nothing,
    sameFiles,
    list,
    more,
  );

  async function begin() {
    start.disabled = true;
    const minimum = Number(score.value);
    const job = await around.act(() =>
      persistent.createJob("duplicates", { min_score: minimum }, { collection }),
    );
    start.disabled = false;
    if (job) around.refresh();
  }

  /** @param {import("../client.js").Job} job @param {AbortSignal} signal */
  async function follow(job, signal) {
    const row = jobRow(job, false);
    progress.replaceChildren(row.element);
    start.disabled = true;
    const ended = await persistent.wait(job.id, { signal, onProgress: row.show });
    start.disabled = false;
    if (ended?.state === "done") progress.replaceChildren();
    return ended;
  }

  /** @param {import("../client.js").Job} job @param {AbortSignal} signal */
  async function load(job, signal) {
    if (shownJob === job.id) return draw(0);
    const lines = await (await server.getJobFile(job.id, "duplicates.jsonl", { signal })).text();
    shownJob = job.id;
    groups = lines
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    shown = PAGE;
    when.textContent = `Looked for ${ago(/** @type {string} */ (job.finished_at))} among ${count(job.result?.items ?? 0, "item")}.`;
    return draw(0);
  }

  /** @param {number} further */
  async function draw(further) {
    shown += further;
    const here = groups
      .filter((group) => !kept.has(group))
      .map((group) => ({ group, ids: group.items.filter((id) => !around.deletions.has(collection, id)) }));
    const open = here.slice(0, shown);
    showSameFiles(here);
    const ids = [...new Set(open.flatMap((each) => each.ids))];
    const known = await itemsOf(ids, alive);
    if (alive.aborted) return;
    const rows = open
      .map(({ group, ids: some }) => ({ group, items: some.flatMap((id) => known.get(id) ?? []) }))
      .filter(({ items }) => items.length > 1);
    list.replaceChildren(...rows.map(({ group, items }) => groupRow(group, items)));
    more.hidden = here.length <= shown;
    nothing.replaceChildren(
      ...(rows.length ? [] : [nothingNotice("No duplicates", "Every item shows something else.")]),
    );
  }

  /** Those that need no look are settled at once. @param {{group: Group, ids: string[]}[]} here */
  function showSameFiles(here) {
    const same = here.filter(({ group, ids }) => group.tier === "exact" && ids.length > 1);
    const copies = same.flatMap(({ ids }) => ids.slice(1));
    const settle = () => around.deletions.add(collection, copies);
    if (same.length < 2) return sameFiles.replaceChildren();
    return sameFiles.replaceChildren(
      el(
        "span",
        {},
        `${count(same.length, "group")} of the same file, ${number(copies.length)} more than needed`,
      ),
      button({ click: settle }, "Keep the first of each"),
    );
  }

  /** @param {Group} group @param {Item[]} items */
  function groupRow(group, items) {
    const [title, text] = TIERS[group.tier];
    const isProduct =
      items[0].product_id !== null && items.every(({ product_id: id }) => id === items[0].product_id);
    const settle = () => {
      kept.add(group);
      draw(0);
    };
    return el(
      "li",
      { class: "duplicates" },
      el(
        "div",
        { class: "row" },
        el(
          "div",
          {},
          el("h3", {}, title),
          el("p", { class: "muted" }, isProduct ? "Views of one product." : text),
        ),
        el("span", { class: "spacer" }),
        button({ class: "button button-small", click: settle }, `Keep all ${number(items.length)}`),
      ),
      el(
        "ul",
        { class: "tiles", role: "list" },
        ...items.map((item) =>
          el(
            "li",
            { class: "tile" },
            thumb(item),
            el("p", { class: "tile-name" }, itemName(item)),
            el("p", { class: "muted" }, item.item_id),
            button(
              {
                class: "button button-small",
                "aria-label": `Keep only ${item.item_id}`,
                click: () =>
                  around.deletions.add(
                    collection,
                    items.filter((each) => each !== item).map(({ item_id: id }) => id),
                  ),
              },
              "Keep only this",
            ),
          ),
        ),
      ),
    );
  }

  /** @param {string[]} ids @param {AbortSignal} signal @returns {Promise<Map<string, Item>>} */
  async function itemsOf(ids, signal) {
    if (!ids.length) return new Map();
    const filter = { field: "item_id", in: ids };
    const found = [];
    for await (const item of server.items({ collection, filter, limit: 500, signal })) found.push(item);
    return new Map(found.map((item) => [item.item_id, item]));
  }

  return {
    element,
    async show(state, signal) {
      alive = signal;
      if (collection !== state.collection) {
        shownJob = null;
        kept.clear();
        progress.replaceChildren();
        list.replaceChildren();
        nothing.replaceChildren();
        when.textContent = "";
        start.disabled = false;
      }
      collection = /** @type {string} */ (state.collection);
      const { jobs } = await server.listJobs({ collection, kind: "duplicates", limit: 10, signal });
      const [latest] = jobs;
      const ended = latest && (latest.finished_at ? latest : await follow(latest, signal));
      const done = ended?.state === "done" ? ended : jobs.find((job) => job.state === "done");
      more.hidden = true;
      if (done) await load(done, signal);
      else
        when.textContent =
          "Pictures that are the same, or nearly, are found by a job; then you say which to keep.";
    },
  };
}
