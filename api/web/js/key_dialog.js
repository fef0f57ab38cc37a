/* The one question for a key of the API. */

import { button, el, iconButton } from "./dom.js";
import { dialog } from "./dialog.js";
import { t } from "./language.js";

/**
 * @param {boolean} wasRefused @param {boolean} canForget Whether there is a key to be forgotten.
 * @returns {Promise<?string>} The key, empty to forget it; null where none is given.
 */
export function keyDialog(wasRefused, canForget) {
  return new Promise((resolve) => {
    const answer = (value) => {
      element.close();
      element.remove();
      resolve(value);
    };
    const input = el("input", {
      class: "field",
      id: "key",
      type: "password",
      required: true,
      autocomplete: "current-password",
      spellcheck: "false",
    });
    const element = dialog(t("shell.key"), "small-dialog", () => answer(null));
    const send = (event) => {
      event.preventDefault();
      answer(input.value.trim());
    };
    element.append(
      el(
        "header",
        { class: "dialog-head" },
        el("h2", {}, t("key.title")),
        iconButton("close", t("shell.close"), { click: () => answer(null) }),
      ),
      el(
        "form",
        { class: "dialog-form", submit: send },
        el(
          "p",
          {},
          wasRefused
            ? t("key.refused") : t("key.asked"),
        ),
        el("label", { class: "labelled", for: "key" }, t("shell.key"), input),
        el("p", { class: "muted" }, t("key.stays")),
        el(
          "div",
          { class: "dialog-actions" },
          canForget && button({ click: () => answer("") }, t("key.forget")),
          button({ class: "button button-primary", type: "submit" }, t("key.use")),
        ),
      ),
    );
    document.body.append(element);
    element.showModal();
    input.focus();
  });
}
