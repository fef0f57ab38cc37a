/* Items that show the same: which one to keep. */

import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { ago, itemName } from "../format.js";
import { t } from "../language.js";
import { nothingNotice } from "../notices.js";
import { server } from "../owner_server.js";
import { itemsNamed } from "./items_named.js";
import { jobRunner } from "./job_runner.js";
import { thumb } from "./thumb.js";

const PAGE = 12; // groups
const SCORES = /** @type {const} */ ([
  [0.85, "loosely"],
  [0.9, "closely"],
  [0.95, "very_closely"],
]);
const USUAL_SCORE = 0.9;

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
  let turn = 0; // of drawing: what was asked for before is not drawn over what came after
  /** @type {AbortSignal} */
  let alive = AbortSignal.abort();
  /** @type {Set<Group>} Those that the reader left as they are. */
  const kept = new Set();
  const score = el(
    "select",
    { class: "select", id: "alike" },
    ...SCORES.map(([value, name]) =>
      el("option", { value, selected: value === USUAL_SCORE }, t(`duplicates.score.${name}`)),
    ),
  );
  const [look, jobs] = [t("jobs.kind.duplicates"), t("jobs.title")];
  const runner = jobRunner(around, "duplicates", { start: look, again: look, jobs }, () => ({ min_score: Number(score.value) }));
  const when = el("p", { class: "muted" });
  const list = el("ul", { class: "stack", role: "list", "aria-label": t("review.name.duplicates") });
  const nothing = el("div", {});
  const sameFiles = el("div", { class: "row" });
  const more = button({ hidden: true, click: once(() => around.act(() => draw(PAGE))) }, t("review.more"));
  const element = el(
    "section",
    { class: "stack", "aria-labelledby": "review-title" },
    el("h2", { id: "review-title" }, t("review.name.duplicates")),
    el(
      "div",
      { class: "row" },
      el("label", { class: "labelled labelled-row", for: "alike" }, t("duplicates.score"), score),
      runner.start,
    ),
    when,
    runner.progress,
    nothing,
    sameFiles,
    list,
    more,
  );

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
    when.textContent = t("duplicates.looked", {
      ago: ago(/** @type {string} */ (job.finished_at)),
      count: job.result?.items ?? 0,
    });
    return draw(0);
  }

  /** @param {number} further */
  async function draw(further) {
    shown += further;
    const mine = (turn += 1);
    const here = groups
      .filter((group) => !kept.has(group))
      .map((group) => ({ group, ids: group.items.filter((id) => !around.deletions.has(collection, id)) }));
    const open = here.slice(0, shown);
    showSameFiles(here);
    const ids = [...new Set(open.flatMap((each) => each.ids))];
    const known = await itemsOf(ids, alive);
    if (alive.aborted || mine !== turn) return;
    const rows = open
      .map(({ group, ids: some }) => ({ group, items: some.flatMap((id) => known.get(id) ?? []) }))
      .filter(({ items }) => items.length > 1);
    fill(list, ...rows.map(({ group, items }) => groupRow(group, items)));
    more.hidden = here.length <= shown;
    nothing.replaceChildren(
      ...(rows.length ? [] : [nothingNotice(t("jobs.no_duplicates"), t("duplicates.nothing"))]),
    );
  }

  /** Those that need no look are settled at once. @param {{group: Group, ids: string[]}[]} here */
  function showSameFiles(here) {
    const same = here.filter(({ group, ids }) => group.tier === "exact" && ids.length > 1);
    const copies = same.flatMap(({ ids }) => ids.slice(1));
    const settle = once(() => around.deletions.add(collection, copies));
    if (same.length < 2) return sameFiles.replaceChildren();
    return sameFiles.replaceChildren(
      el("span", {}, t("duplicates.same_files", { count: same.length, copies: copies.length })),
      button({ click: settle }, t("duplicates.keep_first")),
    );
  }

  /** @param {Group} group @param {Item[]} items */
  function groupRow(group, items) {
    const { tier } = group;
    const isProduct =
      items[0].product_id !== null && items.every(({ product_id: id }) => id === items[0].product_id);
    const settled = (/** @type {() => unknown} */ act) =>
      once(() => {
        if (!row.isConnected) return undefined; // by another choice
        row.remove();
        return act();
      });
    const keepAll = settled(() => {
      kept.add(group);
      return around.act(() => draw(0));
    });
    const row = el(
      "li",
      { class: "duplicates" },
      el(
        "div",
        { class: "row" },
        el(
          "div",
          {},
          el("h3", {}, t(`duplicates.tier.${tier}`)),
          el("p", { class: "muted" }, isProduct ? t("duplicates.views") : t(`duplicates.tier.${tier}_help`)),
        ),
        el("span", { class: "spacer" }),
        button({ class: "button button-small", click: keepAll }, t("duplicates.keep_all", { number: items.length })),
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
                "aria-label": t("duplicates.keep_one", { id: item.item_id }),
                click: settled(() => {
                  around.deletions.add(
                    collection,
                    items.filter((each) => each !== item).map(({ item_id: id }) => id),
                  );
                }),
              },
              t("duplicates.keep_this"),
            ),
          ),
        ),
      ),
    );
    return row;
  }

  /** @param {string[]} ids @param {AbortSignal} signal @returns {Promise<Map<string, Item>>} */
  async function itemsOf(ids, signal) {
    const found = await itemsNamed(collection, ids, signal);
    return new Map(found.map((item) => [item.item_id, item]));
  }

  return {
    element,
    async show(state, signal) {
      alive = signal;
      collection = /** @type {string} */ (state.collection);
      await runner.show(collection, signal, async ([latest]) => {
        if (latest) return load(latest, signal);
        more.hidden = true;
        return (when.textContent = t("duplicates.start"));
      });
    },
  };
}
