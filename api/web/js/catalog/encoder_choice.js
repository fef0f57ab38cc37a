/* What a collection compares by: a choice among the encoders that the server has ready. */

import { el } from "../dom.js";
import { t, textOf } from "../language.js";
import { server } from "../owner_server.js";

/** @param {string} id @param {string} help */
export function encoderChoice(id, help) {
  const select = el("select", { class: "select", id });
  /** @type {?string} What is not offered: the one in use. */
  let left = null;
  return {
    element: el("label", { class: "labelled", for: id }, t("looks.title"), select, el("span", { class: "note" }, help)),
    /** The name of an encoder; null where there is none to choose. */
    get value() {
      return select.value || null;
    },
    /** @param {AbortSignal} signal @param {?string} [inUse] The encoder in use, which is not offered. */
    async show(signal, inUse = null) {
      if (select.options.length && left === inUse) return;
      const { encoders } = await server.listEncoders({ signal });
      left = inUse;
      const offered = encoders.filter(({ name, ready }) => ready && name !== inUse);
      select.replaceChildren(
        ...offered.map(({ name, about }) => el("option", { value: name }, textOf(`looks.${name.replaceAll("+", "_")}`, about))),
      );
    },
  };
}
