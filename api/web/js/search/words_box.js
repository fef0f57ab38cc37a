/* Where a search is said in words: alone, or beside a photo. */

import { el, iconButton } from "../dom.js";
import { put } from "../redraw.js";
import { t } from "../language.js";

/** @param {string} hint @param {(words: ?string) => void} search Called with null for no words. */
export function wordsBox(hint, search) {
  const input = el("input", {
    class: "field",
    type: "search",
    "aria-label": t("search.words"),
    placeholder: hint,
    autocomplete: "off",
    enterkeyhint: "search",
    maxlength: 200,
  });
  const send = (event) => {
    event.preventDefault();
    search(input.value.trim() || null);
  };
  return {
    input,
    element: el(
      "form",
      { class: "words-box", role: "search", "aria-label": hint, hidden: true, submit: send },
      input,
      iconButton("similar", t("search.words_go"), { type: "submit" }),
    ),
  };
}

/**
 * Words can be searched for where items have some, or where the encoder knows what they look like.
 * @param {ReturnType<typeof wordsBox>[]} boxes @param {import("./address.js").State} state
 * @param {import("./catalog.js").Collection} collection @param {boolean} hasLabels
 */
export function showWords(boxes, state, collection, hasLabels) {
  const can = hasLabels || Boolean(collection.fields?.length) || Boolean(collection.encoder?.reads_texts);
  for (const { element, input } of boxes) {
    element.hidden = !can;
    put(input, state.q ?? "");
  }
}
