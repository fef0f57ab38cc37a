/* The column of results: that they are waited for, that they came, or why there are none. */

import { isAlike } from "../closeness.js";
import { el } from "../dom.js";
import { t } from "../language.js";
import { late } from "../late.js";
import { nothingNotice } from "../notices.js";
import { subjectKey } from "./address.js";
import { answerLine, nothingAlike, titleOf } from "./answer.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {import("./questions.js").Outcome} Outcome */

/**
 * @param {{bar: ReturnType<typeof import("./bar.js").toolBar>, grid: ReturnType<typeof import("./grid.js").resultsGrid>,
 *   query: ReturnType<typeof import("./query.js").queryPanel>}} parts
 * @param {{go: import("./address.js").Go, href: (patch: Partial<State>) => string, persist: (work: () => Promise<unknown>, state:
 *   State) => void}} acts
 */
export function resultsColumn({ bar, grid, query }, { go, href, persist }) {
  const answer = el("div", { class: "answer-slot" });
  const notice = el("div", { class: "notice-slot" });
  const anyway = new Set(); // subjects whose results are shown though they are not alike
  const loadNone = late(() => import("./nothing_found.js"));

  /** Nothing is on its way any more. */
  const stop = () => {
    query.uploading = false;
    answer.replaceChildren();
  };

  const clear = () => {
    stop();
    grid.hide();
  };

  /** @param {State} state @param {string} collection @param {AbortSignal} signal */
  const sayNone = async (state, collection, signal) => {
    const { nothingFound } = await loadNone();
    const found = await nothingFound(state, collection, signal, go);
    if (!signal.aborted) notice.replaceChildren(found);
  };

  return {
    element: el("div", { class: "results", "data-empty": true }, answer, bar.element, notice, grid.element),
    notice,
    clear,
    showNothingYet() {
      clear();
      notice.replaceChildren(nothingNotice(t("search.nothing_yet.title"), t("search.nothing_yet.text")));
    },
    /** No answer came. @param {boolean} stays Whether what was shown stays, until one comes. */
    fail(stays) {
      stop();
      grid.stay(stays);
    },
    /** @param {State} state @param {boolean} narrowing @param {boolean} traversed */
    wait(state, narrowing, traversed) {
      if (!narrowing) answer.replaceChildren(state.item || state.photo ? el("div", { class: "skeleton answer-skeleton" }) : "");
      grid.title = titleOf(state, null);
      grid.showLoading(narrowing);
      if (narrowing || traversed) return;
      scrollTo({ top: 0 });
      if (!query.isCropping) grid.focusTitle();
    },
    /** @param {State} state @param {string} collection @param {Outcome} outcome @param {AbortSignal} signal */
    show(state, collection, { neighbors, prediction, answer: { warnings }, cursor }, signal) {
      const subject = subjectKey(state);
      const show = () => {
        answer.replaceChildren(answerLine(prediction, (label) => href({ labels: [label] })) ?? "");
        grid.show(neighbors, cursor !== null);
        if (neighbors.length === 0) persist(() => sayNone(state, collection, signal), state);
      };
      const upright = state.turned ? null : prediction; // of the photo as it is
      if (isAlike({ warnings }, upright) || neighbors.length === 0 || anyway.has(subject)) return show();
      grid.hide();
      const banner = nothingAlike(state, {
        anyway: () => {
          anyway.add(subject);
          show();
          grid.focusTitle();
        },
        turned: () => go({ turned: true }),
        part: query.openPart,
        more: bar.openMore,
      });
      answer.replaceChildren(banner);
      if (!query.element.contains(document.activeElement)) banner.focus({ preventScroll: true });
    },
  };
}
