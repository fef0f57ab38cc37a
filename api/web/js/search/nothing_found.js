/* No results: which filter to let go, and how many items there would be without it. */

import { button, el } from "../dom.js";
import { t } from "../language.js";
import { nothingNotice } from "../notices.js";
import { server } from "../server.js";
import { NO_FILTERS, chosenOf, filterOf } from "./address.js";
import { chosenText } from "./bar.js";

const MOST_OFFERED = 5;

/**
 * @param {import("./address.js").State} state @param {string} collection @param {AbortSignal} signal
 * @param {import("./address.js").Go} go
 */
export async function nothingFound(state, collection, signal, go) {
  const chosen = chosenOf(state).slice(0, MOST_OFFERED);
  if (chosen.length === 0) return nothingNotice(t("filter.none.title"), t(state.q ? "filter.none.words" : "filter.none.empty"));
  const totals = await Promise.all(
    chosen.map(async ({ without }) => {
      const filter = filterOf({ ...state, ...without(state) });
      return (
        (await server.listItems({ collection, filter, limit: 1, signal }).catch(() => null))?.total ?? null
      );
    }),
  );
  const offers = chosen.flatMap(({ without }, index) => {
    const said = chosenText(chosen[index]);
    const total = totals[index];
    if (total === 0) return [];
    return el(
      "li",
      {},
      button(
        { click: () => go(without) },
        total === null
          ? t("filter.without", { filter: said })
          : t("filter.without_items", { filter: said, count: total }),
      ),
    );
  });
  return nothingNotice(
    t("filter.none.title"),
    t("filter.none.text"),
    el("ul", { class: "offers", role: "list" }, ...offers),
    button({ class: "button button-small", click: () => go(NO_FILTERS) }, t("filter.all")),
  );
}
