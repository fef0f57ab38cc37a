/* Looking closer at a picture: wheel, double click, buttons; a drag moves what is enlarged. */

import { el, iconButton } from "../dom.js";
import { t } from "../language.js";

const MOST = 5;
const STEP = 1.6;

/** @param {HTMLElement} content What is enlarged. */
export function zoomable(content) {
  let scale = 1;
  let [x, y] = [0, 0];
  const stage = el("div", { class: "zoom" }, content);
  const nearer = iconButton("in", t("item.zoom_in"), { click: () => to(scale * STEP) });
  const farther = iconButton("out", t("item.zoom_out"), { click: () => to(scale / STEP) });

  function to(next) {
    scale = Math.min(MOST, Math.max(1, next));
    const [roomX, roomY] = [stage.clientWidth, stage.clientHeight].map((side) => (side * (scale - 1)) / 2);
    x = Math.min(roomX, Math.max(-roomX, x));
    y = Math.min(roomY, Math.max(-roomY, y));
    content.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    stage.toggleAttribute("data-zoomed", scale > 1);
    farther.disabled = scale === 1;
    nearer.disabled = scale === MOST;
  }

  stage.addEventListener("dblclick", () => to(scale > 1 ? 1 : 2.5));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      to(scale * (event.deltaY < 0 ? 1.2 : 1 / 1.2));
    },
    { passive: false },
  );
  stage.addEventListener("pointerdown", (start) => {
    if (scale === 1 || start.button !== 0) return;
    start.preventDefault();
    const [fromX, fromY] = [x, y];
    const move = (event) => {
      [x, y] = [fromX + event.clientX - start.clientX, fromY + event.clientY - start.clientY];
      to(scale);
    };
    stage.setPointerCapture(start.pointerId);
    stage.addEventListener("pointermove", move);
    stage.addEventListener("lostpointercapture", () => stage.removeEventListener("pointermove", move), {
      once: true,
    });
  });
  to(1);
  return {
    element: el("div", { class: "zoom-panel" }, stage, el("div", { class: "zoom-tools" }, farther, nearer)),
  };
}
