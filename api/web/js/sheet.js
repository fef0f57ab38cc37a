/* A part of the page that comes up over it where there is no room for it beside the results. */

import { button, el, iconButton } from "./dom.js";
import { dialog } from "./dialog.js";
import { t } from "./language.js";

export class Sheet {
  #place = document.createComment("sheet");
  #element;
  #dialog;
  #done;

  /** @param {string} title @param {HTMLElement} element What moves into the sheet while it is open. */
  constructor(title, element) {
    this.#element = element;
    this.#done = button({ class: "button button-primary", click: () => this.close() }, t("dialog.done"));
    this.#dialog = dialog(title, "sheet", () => this.close());
    this.#dialog.append(
      el(
        "header",
        { class: "dialog-head" },
        el("h2", {}, title),
        iconButton("close", t("shell.close"), { click: () => this.close() }),
      ),
      el("div", { class: "sheet-body" }),
      el("footer", { class: "sheet-foot" }, this.#done),
    );
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** What the button says that closes it. @param {string} text */
  set done(text) {
    this.#done.textContent = text;
  }

  open() {
    this.#element.before(this.#place);
    this.#dialog.querySelector(".sheet-body")?.append(this.#element);
    document.body.append(this.#dialog);
    this.#dialog.showModal();
  }

  close() {
    if (!this.isOpen) return;
    this.#dialog.close();
    this.#place.replaceWith(this.#element);
    this.#dialog.remove();
  }
}
