/* Drawing a map and moving about in it: wheel, pinch, drag, lasso, keys. */

import { el } from "../../dom.js";
import { isModified } from "../../keys.js";
import { server } from "../../owner_server.js";
import { bounds, nearest, within } from "./map_points.js";

const MOST_ZOOM = 60;
const MARGIN = 0.04;
const HIT_PX = 14;
const PICTURES = 60; // so few points in view show their pictures
const PICTURE_PX = 56;
const PICTURE_LOADS = 6;
const NAMES = 14;
const STEP_PX = 60;
/* Distinct in light and dark, the most frequent labels first; the rest is grey. */
const COLORS = ["#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#b8860b", "#1f78b4", "#c0392b", "#8e6bbf", "#2a9d8f"];
const OTHER = "#8b8f8d";

/** @typedef {import("./map_points.js").Points} Points */
/**
 * @typedef {object} Acts
 * @property {(positions: number[], adds: boolean) => void} choose
 * @property {(position: number, x: number, y: number) => void} hover A position of -1 for none.
 */

/** @param {Acts} acts */
export function mapCanvas(acts) {
  /** @type {?Points} */
  let points = null;
  /** @type {Set<number>} */
  let chosen = new Set();
  /** @type {(position: number) => boolean} */
  let isShown = () => true;
  /** @type {Map<number, string>} */
  let colors = new Map();
  let collection = "";
  let mode = "lasso";
  let [scale, left, top] = [1, 0, 0]; // of the unit square, in pixels of the canvas
  let atRest = 1;
  let frame = 0;
  /** @type {[number, number][]} */
  let line = [];
  /** @type {Map<string, ?ImageBitmap>} Null while it loads, or where it cannot. */
  const pictures = new Map();
  let loading = 0;
  const canvas = el("canvas", { class: "map-canvas", tabindex: 0, role: "img" });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {Map<number, {x: number, y: number}>} */
  const pointers = new Map();

  new ResizeObserver(() => {
    const ratio = devicePixelRatio || 1;
    const isFirst = canvas.width === 300 && canvas.height === 150;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    if (isFirst || scale === atRest) showAll();
    else redraw();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

  const ratio = () => canvas.width / (canvas.clientWidth || 1);
  const toX = (x) => left + x * scale;
  const toY = (y) => top + y * scale;
  /** @param {{clientX: number, clientY: number}} event @returns {[number, number]} */
  function placeOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [((clientX - box.left) * ratio() - left) / scale, ((clientY - box.top) * ratio() - top) / scale];
  }

  /** The scale at which all is shown. */
  const whole = () => atRest;

  function showAll() {
    const [low, high] = points ? bounds(points) : [[0, 0], [1, 1]];
    const [wide, tall] = [high[0] - low[0] || 1, high[1] - low[1] || 1];
    scale = Math.min(canvas.width / wide, canvas.height / tall) * (1 - 2 * MARGIN);
    left = canvas.width / 2 - ((low[0] + high[0]) / 2) * scale;
    top = canvas.height / 2 - ((low[1] + high[1]) / 2) * scale;
    atRest = scale;
    redraw();
  }

  /** @param {number} factor @param {number} atX In pixels of the canvas. @param {number} atY */
  function zoom(factor, atX = canvas.width / 2, atY = canvas.height / 2) {
    const next = Math.min(whole() * MOST_ZOOM, Math.max(whole() * 0.5, scale * factor));
    left = atX - ((atX - left) * next) / scale;
    top = atY - ((atY - top) * next) / scale;
    scale = next;
    redraw();
  }

  function move(dx, dy) {
    left += dx * ratio();
    top += dy * ratio();
    redraw();
  }

  function redraw() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  }

  function draw() {
    const { width, height } = canvas;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    if (!points || !width) return;
    const inView = visible(width, height);
    if (inView.length <= PICTURES && scale > whole() * 1.5) drawPictures(inView, style);
    else drawDots(inView);
    drawChosen(style, inView);
    if (inView.length > PICTURES) drawNames(style);
    drawLine(style);
  }

  /** @param {number} width @param {number} height */
  function visible(width, height) {
    const { x, y } = /** @type {Points} */ (points);
    const found = [];
    for (let each = 0; each < x.length; each += 1) {
      const [px, py] = [toX(x[each]), toY(y[each])];
      if (px > -30 && py > -30 && px < width + 30 && py < height + 30 && isShown(each)) found.push(each);
    }
    return found;
  }

  const dotPx = () => Math.max(1.5, Math.min(5, 2.2 * Math.sqrt(scale / whole()))) * ratio();

  /** @param {number[]} inView */
  function drawDots(inView) {
    const { x, y, label } = /** @type {Points} */ (points);
    const side = dotPx() * 2;
    /** @type {Map<string, number[]>} */
    const byColor = new Map();
    for (const each of inView) {
      const color = colors.get(label[each]) ?? OTHER;
      const some = byColor.get(color);
      if (some) some.push(each);
      else byColor.set(color, [each]);
    }
    for (const [color, some] of byColor) {
      context.fillStyle = color;
      context.beginPath();
      for (const each of some) {
        const [px, py] = [toX(x[each]), toY(y[each])];
        if (inView.length > 20_000) context.rect(px - side / 2, py - side / 2, side, side);
        else {
          context.moveTo(px + side / 2, py);
          context.arc(px, py, side / 2, 0, Math.PI * 2);
        }
      }
      context.fill();
    }
  }

  /** @param {number[]} inView @param {CSSStyleDeclaration} style */
  function drawPictures(inView, style) {
    const { x, y, label, ids } = /** @type {Points} */ (points);
    const side = PICTURE_PX * ratio();
    for (const each of inView) {
      const [px, py] = [toX(x[each]) - side / 2, toY(y[each]) - side / 2];
      const picture = pictureOf(ids[each]);
      context.fillStyle = "#fff";
      context.fillRect(px, py, side, side);
      if (picture) {
        const fit = Math.min(side / picture.width, side / picture.height);
        const [w, h] = [picture.width * fit, picture.height * fit];
        context.drawImage(picture, px + (side - w) / 2, py + (side - h) / 2, w, h);
      }
      context.lineWidth = 2.5 * ratio();
      context.strokeStyle = colors.get(label[each]) ?? OTHER;
      context.strokeRect(px, py, side, side);
    }
    context.fillStyle = style.color;
  }

  /** @param {string} id */
  function pictureOf(id) {
    const known = pictures.get(id);
    if (known !== undefined || loading >= PICTURE_LOADS) return known;
    pictures.set(id, null);
    loading += 1;
    server
      .getImage(id, { collection, size: PICTURE_PX * 2 })
      .then(createImageBitmap)
      .then((bitmap) => pictures.set(id, bitmap))
      .catch(() => {}) // the frame alone stands for it
      .finally(() => {
        loading -= 1;
        redraw();
      });
    return null;
  }

  /** @param {CSSStyleDeclaration} style @param {number[]} inView */
  function drawChosen(style, inView) {
    if (!chosen.size || !points) return;
    const { x, y } = points;
    const side = inView.length <= PICTURES && scale > whole() * 1.5 ? (PICTURE_PX * ratio()) / 2 + 3 : dotPx() + 2 * ratio();
    context.strokeStyle = style.color;
    context.lineWidth = 2 * ratio();
    context.beginPath();
    for (const each of inView) {
      if (!chosen.has(each)) continue;
      const [px, py] = [toX(x[each]), toY(y[each])];
      if (side > 20 * ratio()) context.rect(px - side, py - side, side * 2, side * 2);
      else {
        context.moveTo(px + side, py);
        context.arc(px, py, side, 0, Math.PI * 2);
      }
    }
    context.stroke();
  }

  /** Names of the largest groups, where they do not cover each other. @param {CSSStyleDeclaration} style */
  function drawNames(style) {
    const { clusters } = /** @type {Points} */ (points);
    const size = 13 * ratio();
    context.font = `600 ${size}px ${style.fontFamily}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    /** @type {number[][]} */
    const taken = [];
    for (const { name, x, y } of clusters) {
      if (taken.length >= NAMES) return;
      const text = name.length > 24 ? `${name.slice(0, 23)}…` : name;
      const half = context.measureText(text).width / 2 + 4;
      const px = Math.min(Math.max(toX(x), half), canvas.width - half);
      const py = toY(y);
      const isFree = taken.every(([ox, oy, oh]) => Math.abs(px - ox) > half + oh || Math.abs(py - oy) > size * 1.3);
      if (!isFree || py < 0 || py > canvas.height || toX(x) < 0 || toX(x) > canvas.width) continue;
      taken.push([px, py, half]);
      context.lineWidth = 4 * ratio();
      context.strokeStyle = style.backgroundColor;
      context.strokeText(text, px, py);
      context.fillStyle = style.color;
      context.fillText(text, px, py);
    }
  }

  /** @param {CSSStyleDeclaration} style */
  function drawLine(style) {
    if (line.length < 2) return;
    context.beginPath();
    line.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](toX(x), toY(y)));
    context.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = style.accentColor === "auto" ? style.color : style.accentColor;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 1.5 * ratio();
    context.stroke();
  }

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 300), (event.clientX - box.left) * ratio(), (event.clientY - box.top) * ratio());
    },
    { passive: false },
  );
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    acts.hover(-1, 0, 0);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    line = pointers.size === 1 && (mode === "lasso") !== event.shiftKey ? [placeOf(event)] : [];
    canvas.dataset.moved = "";
    delete canvas.dataset.moved;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return hoverAt(event);
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    if (Math.abs(dx) + Math.abs(dy) < 1) return undefined;
    canvas.dataset.moved = "";
    if (pointers.size === 2) pinch(event);
    else if (line.length) {
      line.push(placeOf(event));
      redraw();
    } else move(dx, dy);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    return undefined;
  });
  canvas.addEventListener("lostpointercapture", (event) => {
    pointers.delete(event.pointerId);
    const drawn = line;
    line = [];
    redraw();
    if (!points || pointers.size) return;
    if (!("moved" in canvas.dataset)) chooseAt(event);
    else if (drawn.length > 2) acts.choose(within(points, drawn, isShown), event.ctrlKey || event.metaKey);
  });
  canvas.addEventListener("pointerleave", () => acts.hover(-1, 0, 0));
  canvas.addEventListener("dblclick", (event) => {
    const box = canvas.getBoundingClientRect();
    zoom(2.5, (event.clientX - box.left) * ratio(), (event.clientY - box.top) * ratio());
  });
  canvas.addEventListener("keydown", (event) => {
    const keys = {
      "+": () => zoom(1.5),
      "=": () => zoom(1.5),
      "-": () => zoom(1 / 1.5),
      0: showAll,
      ArrowLeft: () => move(STEP_PX, 0),
      ArrowRight: () => move(-STEP_PX, 0),
      ArrowUp: () => move(0, STEP_PX),
      ArrowDown: () => move(0, -STEP_PX),
    };
    if (!keys[event.key] || isModified(event)) return;
    event.preventDefault();
    keys[event.key]();
  });

  /** @param {PointerEvent} event */
  function pinch(event) {
    const [one, other] = [...pointers.entries()].sort(([id]) => (id === event.pointerId ? -1 : 1)).map(([, place]) => place);
    const apart = (x, y) => Math.hypot(x - other.x, y - other.y) || 1;
    const box = canvas.getBoundingClientRect();
    const factor = apart(event.clientX, event.clientY) / apart(one.x, one.y);
    zoom(factor, ((event.clientX + other.x) / 2 - box.left) * ratio(), ((event.clientY + other.y) / 2 - box.top) * ratio());
    line = [];
  }

  /** @param {PointerEvent} event */
  function at(event) {
    const [x, y] = placeOf(event);
    return points ? nearest(points, x, y, (HIT_PX * ratio()) / scale, isShown) : -1;
  }

  /** @param {PointerEvent} event */
  function hoverAt(event) {
    const box = canvas.getBoundingClientRect();
    acts.hover(at(event), event.clientX - box.left, event.clientY - box.top);
  }

  /** @param {PointerEvent} event */
  function chooseAt(event) {
    const found = at(event);
    if (found >= 0) acts.choose([found], true);
  }

  return {
    element: canvas,
    showAll,
    zoom,
    redraw,
    /** @param {string} next */
    set mode(next) {
      mode = next;
      canvas.dataset.mode = next;
    },
    /** @param {Set<number>} positions */
    set chosen(positions) {
      chosen = positions;
      redraw();
    },
    /** Look at a place from near. @param {number} x @param {number} y */
    goTo(x, y) {
      scale = whole() * 4;
      left = canvas.width / 2 - x * scale;
      top = canvas.height / 2 - y * scale;
      redraw();
    },
    /** @param {string} name Of the collection. @param {Points} given @param {Map<number, string>} colored @param {(position: number) => boolean} shown */
    show(name, given, colored, shown) {
      if (name !== collection) pictures.clear();
      collection = name;
      points = given;
      colors = colored;
      isShown = shown;
      redraw();
    },
  };
}

/** A colour for each of the most frequent labels. @param {[position: number, count: number][]} counts @returns {Map<number, string>} */
export const colorsOf = (counts) =>
  new Map(counts.slice(0, COLORS.length).map(([position], index) => [position, COLORS[index]]));
