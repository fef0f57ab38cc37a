/* A question before something that cannot be undone. */

import { button, el } from "../dom.js";
import { dialog } from "../dialog.js";
import { t } from "../language.js";

/**
 * @param {string} title @param {string} text @param {string} action What the button says that does it.
 * @param {string} [typed] A text to be typed first.
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, action, typed = "") {
  return new Promise((resolve) => {
    const answer = (value) => {
      element.close();
      element.remove();
      resolve(value);
    };
    const element = dialog(title, "small-dialog", () => answer(false));
    const go = button({ class: "button button-danger", type: "submit", disabled: typed !== "" }, action);
    const input = el("input", {
      class: "field",
      id: "confirm",
      autocomplete: "off",
      spellcheck: "false",
      input: () => (go.disabled = input.value !== typed),
    });
    const send = (event) => {
      event.preventDefault();
      answer(true);
    };
    element.append(
      el(
        "form",
        { class: "dialog-form", submit: send },
        el("h2", {}, title),
        el("p", {}, text),
        typed && el("label", { class: "labelled", for: "confirm" }, t("catalog.confirm_typed", { text: typed }), input),
        el("div", { class: "dialog-actions" }, button({ click: () => answer(false) }, t("catalog.cancel")), go),
      ),
    );
    addEventListener("popstate", () => answer(false), { once: true }); // what it asked about is no more in sight
    document.body.append(element);
    element.showModal();
    if (typed) input.focus();
  });
}
