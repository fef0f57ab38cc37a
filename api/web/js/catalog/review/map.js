/* The map of a collection: looked at from far and near; what is chosen on it is edited or deleted. */

import { bar as filled, button, el, iconButton, labelText } from "../../dom.js";
import { fill } from "../../redraw.js";
import { once } from "../../once.js";
import { count, itemName, number, shortLabels } from "../../format.js";
import { t } from "../../language.js";
import { nothingNotice } from "../../notices.js";
import { server } from "../../owner_server.js";
import { confirm } from "../confirm.js";
import { editDialog } from "../edit.js";
import { itemsNamed } from "../items_named.js";
import { thumb } from "../thumb.js";
import { making } from "./making.js";
import { colorsOf, mapCanvas } from "./map_canvas.js";
import { fetchPoints, labelCounts } from "./map_points.js";

const MODES = /** @type {const} */ (["move", "lasso"]);
const SHOWN_CHOSEN = 12;
const UNASKED = 20; // so many are deleted without a question

/** @typedef {import("../../client.js").Item} Item */

/** @param {import("../view.js").Around} around @returns {import("../view.js").PartView} */
export function open(around) {
  let collection = "";
  let made = "";
  let fields = /** @type {string[]} */ ([]);
  /** @type {?import("./map_points.js").Points} */
  let points = null;
  /** @type {Set<number>} */
  let chosen = new Set();
  let hovered = -1;
  const job = making(around, "map", {
    title: t("map.title"),
    about: t("map.about"),
    start: t("jobs.kind.map"),
    again: t("map.again"),
  });
  const canvas = mapCanvas({ choose, hover });
  const tip = el("div", { class: "map-tip", hidden: true });
  const modes = MODES.map((mode) =>
    button(
      { class: "button button-small", "data-mode": mode, click: () => setMode(mode) },
      t(`map.pointer.${mode}`),
    ),
  );
  const bar = el("div", { class: "selection-bar", role: "region", "aria-label": t("items.chosen_region"), hidden: true });
  const stage = el(
    "div",
    { class: "map-stage" },
    canvas.element,
    bar,
    tip,
    el("div", { class: "map-modes row", role: "group", "aria-label": t("map.pointer") }, ...modes),
    el(
      "div",
      { class: "map-zoom" },
      iconButton("in", t("map.zoom_in"), { click: () => canvas.zoom(1.6) }),
      iconButton("out", t("map.zoom_out"), { click: () => canvas.zoom(1 / 1.6) }),
      button({ class: "button button-small", click: () => canvas.showAll() }, t("map.all")),
    ),
  );
  const legend = el("ul", { class: "map-legend", role: "list", "aria-label": t("map.legend") });
  const groups = el("ul", { class: "map-groups", role: "list", "aria-label": t("map.groups") });
  const sample = el("p", { class: "muted", hidden: true });
  const nothing = el("div", {});
  const whole = el(
    "div",
    { class: "map-whole", hidden: true },
    el("div", { class: "stack-tight" }, stage, legend, sample),
    el("aside", { class: "map-side" }, el("h3", {}, t("map.groups")), groups),
  );
  const element = el("section", { class: "stack", "aria-labelledby": "review-map" }, job.element, nothing, whole);
  setMode(matchMedia("(hover: none)").matches ? "move" : "lasso");

  /** @param {string} mode */
  function setMode(mode) {
    canvas.mode = mode;
    for (const each of modes) each.setAttribute("aria-pressed", String(each.dataset.mode === mode));
  }

  /** @param {number} position */
  const isShown = (position) => !around.deletions.has(collection, points?.ids[position] ?? "") && !gone.has(position);
  /** @type {Set<number>} */
  const gone = new Set();

  /** @param {number[]} positions @param {boolean} adds To what is chosen; a single one that is chosen is left out again. */
  function choose(positions, adds) {
    const next = adds ? new Set(chosen) : new Set();
    if (adds && positions.length === 1 && chosen.has(positions[0])) next.delete(positions[0]);
    else for (const each of positions) next.add(each);
    setChosen(next);
  }

  /** @param {Set<number>} next */
  function setChosen(next) {
    chosen = next;
    canvas.chosen = chosen;
    drawBar();
  }

  function drawBar() {
    bar.hidden = chosen.size === 0;
    if (!points || !chosen.size) return;
    const { label, labels } = points;
    /** @type {Map<number, number>} */
    const counts = new Map();
    for (const each of chosen) counts.set(label[each], (counts.get(label[each]) ?? 0) + 1);
    const most = [...counts].sort((a, b) => b[1] - a[1]);
    const names = shortLabels(most.slice(0, 3).map(([code]) => (code < 0 ? t("items.no_label") : labels[code])));
    const named = names.map((name, at) => `${number(most[at][1])} × ${name}`);
    if (most.length > 3) named.push(t("map.more_labels", { count: most.length - 3 }));
    const strip = el("div", { class: "map-strip" });
    fill(
      bar,
      el("strong", {}, t("items.chosen", { count: chosen.size })),
      el("span", { class: "muted" }, named.join(" · ")),
      el("span", { class: "spacer" }),
      button({ class: "button button-small", click: once(edit) }, t("items.edit")),
      button({ class: "button button-small", click: once(remove) }, t("catalog.delete")),
      button({ class: "button button-small", click: () => setChosen(new Set()) }, t("items.choose_none")),
      strip,
    );
    around.act(() => showSome(strip, [...chosen].slice(0, SHOWN_CHOSEN)));
  }

  /** @param {HTMLElement} strip @param {number[]} positions */
  async function showSome(strip, positions) {
    const items = await itemsAt(positions);
    strip.replaceChildren(...items.map((item) => el("div", { title: itemName(item) }, thumb(item))));
  }

  /** @param {number[]} positions @returns {Promise<Item[]>} */
  const itemsAt = (positions) =>
    itemsNamed(collection, positions.map((each) => points?.ids[each] ?? ""));

  async function edit() {
    const items = await around.act(() => itemsAt([...chosen]));
    if (!items?.length || !points) return;
    const changed = await editDialog(collection, items, fields);
    if (!changed) return;
    const place = new Map(points.ids.map((id, position) => [id, position]));
    for (const { item_id: id, label } of changed) {
      const position = place.get(id);
      if (position !== undefined) points.label[position] = codeOf(label);
    }
    draw();
    drawBar();
  }

  /** @param {?string} label */
  function codeOf(label) {
    if (label === null || !points) return -1;
    const known = points.labels.indexOf(label);
    return known >= 0 ? known : points.labels.push(label) - 1;
  }

  async function remove() {
    const positions = [...chosen];
    const title = t("items.delete_many", { count: positions.length });
    if (positions.length > UNASKED && !(await confirm(title, t("items.undo_hint"), t("catalog.delete")))) return;
    const ids = positions.map((each) => points?.ids[each] ?? "");
    for (const each of positions) gone.add(each);
    setChosen(new Set());
    around.deletions.add(collection, ids, () => positions.forEach((each) => gone.delete(each)));
    canvas.redraw();
  }

  /** @param {number} position @param {number} x @param {number} y */
  function hover(position, x, y) {
    tip.hidden = position < 0 || !points;
    if (tip.hidden || !points) {
      hovered = -1;
      return;
    }
    const toLeft = x > stage.clientWidth / 2;
    tip.style.transform = `translate(${Math.round(toLeft ? x - 176 : x + 16)}px, ${Math.round(Math.min(y, stage.clientHeight - 200))}px)`;
    if (position === hovered) return;
    hovered = position;
    const id = points.ids[position];
    const label = points.label[position];
    fill(
      tip,
      thumb({ item_id: id, label: null, product_id: null, attributes: {}, image_url: imageOf(id) }),
      el("strong", {}, label < 0 ? t("items.no_label") : labelText(points.labels[label])),
      el("span", { class: "note" }, id),
    );
  }

  /** @param {string} id */
  const imageOf = (id) => `/v1/collections/${collection}/images/${encodeURIComponent(id)}`;

  function draw() {
    if (!points) return;
    const counts = labelCounts(points);
    const colors = colorsOf(counts);
    canvas.show(collection, points, colors, isShown);
    canvas.element.setAttribute("aria-label", t("map.canvas", { count: points.ids.length }));
    drawLegend(counts, colors);
    drawGroups();
  }

  /** @param {[number, number][]} counts @param {Map<number, string>} colors */
  function drawLegend(counts, colors) {
    const { labels } = /** @type {import("./map_points.js").Points} */ (points);
    const named = counts.filter(([code, many]) => colors.has(code) && many > 0);
    const names = shortLabels(named.map(([code]) => labels[code]));
    legend.replaceChildren(
      ...named.map(([code], at) => el("li", {}, dot(colors.get(code) ?? ""), labelText(names[at]))),
    );
    if (counts.length > named.length) legend.append(el("li", {}, dot(""), t("map.other_labels")));
  }

  function drawGroups() {
    const { clusters, cluster } = /** @type {import("./map_points.js").Points} */ (points);
    const most = Math.max(1, ...clusters.map(({ items }) => items));
    const look = () => stage.scrollIntoView({ block: "nearest" });
    const go = (group) => {
      canvas.goTo(group.x, group.y);
      look();
    };
    const choosing = (position) => {
      setChosen(membersOf(cluster, position));
      look(); // what is chosen stands above the map, which may be out of sight
    };
    groups.replaceChildren(
      ...clusters.map((group, position) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", class: "map-group", "aria-label": t("map.go_to", { name: group.name }), click: () => go(group) },
            el("span", {}, group.name),
            el("span", { class: "note" }, count(group.items, "item")),
            filled(group.items / most),
          ),
          button(
            {
              class: "button button-small",
              "aria-label": t("items.choose_one", { name: group.name }),
              click: () => choosing(position),
            },
            t("map.choose"),
          ),
        ),
      ),
    );
  }

  /** @param {Int32Array} cluster @param {number} position */
  function membersOf(cluster, position) {
    const found = new Set();
    cluster.forEach((each, index) => each === position && isShown(index) && found.add(index));
    return found;
  }

  /** @param {boolean} isMade @param {AbortSignal} signal */
  async function showMap(isMade, signal) {
    whole.hidden = !isMade;
    if (!isMade) return undefined;
    const now = await server.getMap({ collection, limit: 1, signal });
    job.tell(now);
    if (made === now.made_at) return canvas.redraw();
    points = await fetchPoints(collection, signal);
    made = now.made_at;
    gone.clear();
    setChosen(new Set());
    const size = points.ids.length;
    fill(nothing, size === 0 && nothingNotice(t("map.nothing.title"), t("map.nothing.text")));
    whole.hidden = size === 0;
    sample.hidden = size >= points.items;
    sample.textContent = t("map.sample", { shown: size, total: points.items });
    draw();
    return canvas.showAll();
  }

  return {
    element,
    async show(state, signal, described) {
      collection = /** @type {string} */ (state.collection);
      fields = (await described)?.fields ?? [];
      await job.show(collection, signal, (isMade) => showMap(isMade, signal));
    },
  };
}

/** @param {string} color */
function dot(color) {
  const element = el("span", { class: "map-dot", "aria-hidden": "true" });
  if (color) element.style.backgroundColor = color;
  return element;
}
