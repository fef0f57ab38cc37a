/* Small charts, drawn as SVG: lines between 0 and 1. */

import { percent } from "./format.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 200;
const EDGE = { left: 40, right: 20, top: 26, bottom: 40 };
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const TENTHS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** @typedef {[x: number, y: number]} Point */

/** @param {string} tag @param {Record<string, string|number>} attributes @param {...(Node|string)} children */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * A line over a grid. What it shows is said by its label, as numbers it is in a table or text beside it.
 * @param {string} label @param {{x: string, y: string, points: Point[], from?: number, dots?: boolean, ideal?: boolean}} what
 *   `from` is where the horizontal axis begins; `ideal` draws the diagonal.
 */
export function lineChart(label, { x, y, points, from = 0, dots = false, ideal = false }) {
  const across = (value) => EDGE.left + ((value - from) / (1 - from)) * (WIDTH - EDGE.left - EDGE.right);
  const up = (value) => HEIGHT - EDGE.bottom - value * (HEIGHT - EDGE.top - EDGE.bottom);
  const place = ([px, py]) => `${across(px).toFixed(1)},${up(py).toFixed(1)}`;
  const marker = svg("g", { class: "chart-marker" });
  const element = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label },
    ...TICKS.map((tick) =>
      svg(
        "g",
        {},
        svg("path", { class: "chart-grid", d: `M${EDGE.left} ${up(tick)}H${WIDTH - EDGE.right}` }),
        svg("text", { class: "chart-text", x: EDGE.left - 6, y: up(tick) + 4, "text-anchor": "end" }, percent(tick)),
      ),
    ),
    ...(from > 0.5 ? TENTHS : TICKS)
      .filter((tick) => tick >= from)
      .map((tick) =>
        svg(
          "text",
          { class: "chart-text", x: across(tick), y: HEIGHT - EDGE.bottom + 15, "text-anchor": "middle" },
          percent(tick),
        ),
      ),
    svg("text", { class: "chart-axis", x: (WIDTH + EDGE.left) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, x),
    svg("text", { class: "chart-axis", x: 2, y: 12 }, y),
  );
  if (ideal)
    element.append(svg("path", { class: "chart-ideal", d: `M${place([from, from])}L${place([1, 1])}` }));
  if (points.length)
    element.append(svg("polyline", { class: "chart-line", points: points.map(place).join(" ") }));
  if (dots)
    element.append(
      ...points.map(([px, py]) => svg("circle", { class: "chart-dot", cx: across(px), cy: up(py), r: 3.5 })),
    );
  element.append(marker);
  return {
    element,
    /** Point out a place on the line. @param {Point} point */
    mark([px, py]) {
      marker.replaceChildren(
        svg("path", { class: "chart-guide", d: `M${across(px)} ${HEIGHT - EDGE.bottom}V${up(py)}H${EDGE.left}` }),
        svg("circle", { class: "chart-dot", cx: across(px), cy: up(py), r: 5 }),
      );
    },
  };
}
