/* Dialogs over the page. */

import { el } from "./dom.js";

/**
 * A dialog over the page. Esc asks to close it, and so does a click beside it where nothing was typed. A double
 * click that opened it does nothing in it.
 * @param {string} label Its name. @param {string} kind Its class. @param {() => void} close
 */
export function dialog(label, kind, close) {
  const element = el("dialog", { class: `dialog ${kind}`, "aria-label": label });
  element.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  /** @type {?EventTarget} */
  let pressed = null; // where a click began; null where that was before the dialog
  let isTyped = false;
  element.addEventListener("mousedown", ({ detail, target }) => (pressed = detail > 1 ? pressed && target : target));
  element.addEventListener("input", ({ target }) => (isTyped ||= Boolean(/** @type {HTMLInputElement} */ (target).form)));
  element.addEventListener("close", () => {
    pressed = null;
    isTyped = false;
  });
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.detail > 1 && !pressed) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (event.target === element && pressed === element && !isTyped) close();
  };
  element.addEventListener("click", click, { capture: true });
  return element;
}
