/* What few need: choices of a search that stand behind "More". */

import { button, el } from "../dom.js";
import { t } from "../language.js";
import { Sheet } from "../sheet.js";

/** @typedef {import("./address.js").State} State */

/** @param {(patch: Partial<State>) => void} go */
export function moreChoices(go) {
  const fold = choice("fold", (fold) => go(fold ? { fold, grouped: false } : { fold }));
  const turned = choice("turned", (turned) => go({ turned }));
  const sheet = new Sheet(t("bar.more"), el("div", { class: "more-choices" }, fold.element, turned.element));
  const opener = button({ class: "button", click: () => sheet.open() }, t("bar.more"));
  return {
    opener,
    open: () => sheet.open(),
    /** @param {State} state */
    show(state) {
      fold.input.checked = state.fold;
      turned.input.checked = state.turned;
      turned.element.hidden = !state.photo;
      opener.toggleAttribute("data-active", state.fold || (state.turned && state.photo !== null));
    },
  };
}

/** @param {"fold"|"turned"} name @param {(on: boolean) => void} changed */
function choice(name, changed) {
  const input = el("input", { type: "checkbox", change: () => changed(input.checked) });
  return {
    input,
    element: el(
      "label",
      { class: "choice" },
      input,
      el(
        "span",
        { class: "choice-text" },
        t(`bar.${name}`),
        el("span", { class: "muted choice-help" }, t(`bar.${name}_help`)),
      ),
    ),
  };
}
