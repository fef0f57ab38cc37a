/* The part of a photo to search with: a box that is dragged by mouse or finger, moved by arrow keys
   (with Shift it grows and shrinks), or given in numbers. Dots stand on what stands out. */

import { button, el, unseen } from "../dom.js";
import { isModified } from "../keys.js";
import { t } from "../language.js";

/** @typedef {[x: number, y: number, width: number, height: number]} Box Shares of the photo's sides. */

/** @type {Box} */
const WHOLE = [0, 0, 1, 1];
const LEAST = 0.05;
const STEP = 0.02;
const APART = 0.15; // dots that are nearer are hard to hit
const MOST_OF_IT = 0.7;
const SETTLED_MS = 450; // so long after a key the box is taken for what is meant
const CORNERS = ["nw", "ne", "sw", "se"];
const SIDES = /** @type {const} */ (["left", "top", "width", "height"]);

export class CropBox {
  #box = WHOLE;
  #chosen;
  #timer = 0;
  #stage;
  #frame = el(
    "div",
    {
      class: "crop-box",
      role: "group",
      tabindex: 0,
      "aria-label": t("crop.box"),
      "aria-roledescription": t("crop.box_help"),
    },
    ...CORNERS.map((corner) => el("span", { class: "crop-corner", "data-corner": corner })),
  );
  #dots = el("div", { class: "crop-dots" });
  #numbers = SIDES.map((side, index) =>
    el("input", {
      type: "number",
      min: 0,
      max: 100,
      "aria-label": t("crop.percent", { side: t(`crop.side.${side}`) }),
      change: () => this.#typed(index),
    }),
  );
  #reset = button(
    { class: "button button-small", hidden: true, click: () => this.#choose(WHOLE) },
    t("crop.whole"),
  );
  #tools = el(
    "div",
    { class: "crop-tools" },
    this.#reset,
    el(
      "details",
      { class: "crop-numbers" },
      el("summary", {}, t("crop.numbers")),
      el("div", {}, ...SIDES.map((side, index) => el("label", {}, t(`crop.side.${side}`), this.#numbers[index]))),
    ),
  );

  /**
   * @param {HTMLElement} stage With the photo that the box lies on.
   * @param {(box: ?string, isDot?: boolean) => void} chosen Called with x,y,w,h, or null for the whole photo.
   */
  constructor(stage, chosen) {
    this.#chosen = chosen;
    this.#stage = stage;
    stage.append(this.#frame, this.#dots);
    stage.after(this.#tools);
    this.#stage.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#frame.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Another photo. */
  begin() {
    this.#cancel();
    this.#dots.replaceChildren();
  }

  /** What the address says, unless keys have moved the box on since. @param {?string} box */
  set box(box) {
    if (!this.#timer) this.#place(box ? /** @type {Box} */ (box.split(",").map(Number)) : WHOLE);
  }

  /** Offer parts of the photo. @param {{box: number[]}[]} regions */
  offer(regions) {
    /** @type {[number, number][]} */
    const taken = [];
    const dots = regions.flatMap(({ box }) => {
      const [x, y, width, height] = box;
      const middle = /** @type {[number, number]} */ ([x + width / 2, y + height / 2]);
      const isNear = taken.some((other) => Math.hypot(other[0] - middle[0], other[1] - middle[1]) < APART);
      if (width * height > MOST_OF_IT || isNear) return []; // the whole photo, or another dot's object
      taken.push(middle);
      const dot = button(
        { class: "crop-dot", title: t("crop.dot"), click: () => this.#choose(/** @type {Box} */ (box), true) },
        unseen(t("crop.object", { number: taken.length })),
      );
      dot.style.setProperty("--x", String(middle[0]));
      dot.style.setProperty("--y", String(middle[1]));
      return [dot];
    });
    this.#dots.replaceChildren(...dots);
  }

  get #text() {
    return isWhole(this.#box)
      ? null
      : this.#box.map((each) => String(Math.round(each * 1e4) / 1e4)).join(",");
  }

  #place(box) {
    this.#box = box;
    box.forEach((value, index) => {
      this.#frame.style.setProperty(`--${"xywh"[index]}`, String(value));
      this.#numbers[index].value = String(Math.round(value * 100));
    });
    this.#stage.toggleAttribute("data-cropped", !isWhole(box));
    this.#reset.hidden = isWhole(box);
  }

  #choose(box, isDot = false) {
    this.#place(within(box));
    this.#chosen(this.#text, isDot);
  }

  #typed(index) {
    const box = /** @type {Box} */ ([...this.#box]);
    box[index] = (Number(this.#numbers[index].value) || 0) / 100;
    this.#choose(box);
  }

  /**
   * A corner resizes; inside of a part the part moves; elsewhere a new part is drawn.
   * @param {PointerEvent} event
   */
  #drag(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.button !== 0 || target.closest(".crop-dot")) return;
    event.preventDefault();
    const corner = target.dataset.corner;
    const area = this.#stage.getBoundingClientRect();
    const at = (one) => [(one.clientX - area.left) / area.width, (one.clientY - area.top) / area.height];
    const [startX, startY] = at(event);
    const before = this.#box;
    const moves = !corner && !isWhole(before) && target === this.#frame;
    const follow = (one) => {
      const [x, y] = at(one);
      const [left, top, width, height] = before;
      if (moves) this.#place(within([left + x - startX, top + y - startY, width, height], true));
      else if (corner) {
        const fixed = [corner.includes("w") ? left + width : left, corner.includes("n") ? top + height : top];
        this.#place(between(fixed, [x, y]));
      } else this.#place(between([startX, startY], [x, y]));
    };
    const stop = () => {
      this.#stage.removeEventListener("pointermove", follow);
      const [, , width, height] = this.#box;
      if (width < LEAST || height < LEAST)
        this.#place(before); // a tap, not a part
      else if (String(this.#box) !== String(before)) this.#chosen(this.#text);
    };
    this.#stage.setPointerCapture(event.pointerId);
    this.#stage.addEventListener("pointermove", follow);
    this.#stage.addEventListener("lostpointercapture", stop, { once: true });
    this.#frame.focus({ preventScroll: true });
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[event.key];
    if (!step || isModified(event)) return;
    event.preventDefault();
    const [x, y, width, height] = this.#box;
    const [dx, dy] = step;
    this.#place(
      within(
        event.shiftKey ? [x, y, width + dx, height + dy] : [x + dx, y + dy, width, height],
        !event.shiftKey,
      ),
    );
    this.#cancel();
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#chosen(this.#text);
    }, SETTLED_MS);
  }
}

/** @param {Box} box */
const isWhole = ([x, y, width, height]) => x <= 0.001 && y <= 0.001 && width >= 0.999 && height >= 0.999;

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

/** A box inside of the photo; one that is moved keeps its size. @param {number[]} box @returns {Box} */
function within([x, y, width, height], moved = false) {
  if (moved) return [clamp(x, 0, 1 - width), clamp(y, 0, 1 - height), width, height];
  const [left, top] = [clamp(x, 0, 1 - LEAST), clamp(y, 0, 1 - LEAST)];
  return [left, top, clamp(width, LEAST, 1 - left), clamp(height, LEAST, 1 - top)];
}

/** The box between two points. @returns {Box} */
function between(a, b) {
  const [x1, x2] = [a[0], b[0]].map((value) => clamp(value, 0, 1)).sort((one, other) => one - other);
  const [y1, y2] = [a[1], b[1]].map((value) => clamp(value, 0, 1)).sort((one, other) => one - other);
  return [x1, y1, x2 - x1, y2 - y1];
}
