/* What is wrong with a form, told at the field that it is about until something else is typed there. */

import { el } from "../dom.js";

export class FormProblem {
  element = el("p", { class: "form-problem", role: "alert", id: "form-problem" });
  /** @type {?HTMLElement} */
  #field = null;

  /** @param {string} text @param {?HTMLElement} [field] Null where it is about none of them. */
  tell(text, field = null) {
    this.#field?.removeAttribute("aria-invalid");
    this.#field?.removeAttribute("aria-describedby");
    this.#field = field;
    this.element.textContent = text;
    if (!field) return;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", this.element.id);
    field.addEventListener("input", () => this.#field === field && this.tell(""), { once: true });
    field.focus();
  }
}
