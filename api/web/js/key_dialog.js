/* The one question for a key of the API. */

import { button, dialog, el, iconButton } from "./dom.js";

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
    const element = dialog("Key", "small-dialog", () => answer(null));
    const send = (event) => {
      event.preventDefault();
      answer(input.value.trim());
    };
    element.append(
      el(
        "header",
        { class: "dialog-head" },
        el("h2", {}, "Enter your key"),
        iconButton("close", "Close", { click: () => answer(null) }),
      ),
      el(
        "form",
        { class: "dialog-form", submit: send },
        el(
          "p",
          {},
          wasRefused
            ? "This key is not taken: it may have expired or been revoked."
            : "This server asks for a key. Whoever runs it can give you one.",
        ),
        el("label", { class: "labelled", for: "key" }, "Key", input),
        el("p", { class: "muted" }, "It stays in this tab until you close it."),
        el(
          "div",
          { class: "dialog-actions" },
          canForget && button({ click: () => answer("") }, "Forget the key"),
          button({ class: "button button-primary", type: "submit" }, "Use this key"),
        ),
      ),
    );
    document.body.append(element);
    element.showModal();
    input.focus();
  });
}
