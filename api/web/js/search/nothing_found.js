/* No results: which filter to let go, and how many items there would be without it. */

import { button, el } from "../dom.js";
import { count, fieldName, fieldValue, lastPart } from "../format.js";
import { nothingNotice } from "../notices.js";
import { server } from "../server.js";
import { NO_FILTERS, chosenOf, filterOf } from "./address.js";

const MOST_OFFERED = 5;

/**
 * @param {import("./address.js").State} state @param {string} collection @param {AbortSignal} signal
 * @param {(patch: Partial<import("./address.js").State>) => void} go
 */
export async function nothingFound(state, collection, signal, go) {
  const chosen = chosenOf(state).slice(0, MOST_OFFERED);
  if (chosen.length === 0) return nothingNotice("No results", "There is nothing to compare with yet.");
  const totals = await Promise.all(
    chosen.map(async ({ without }) => {
      const filter = filterOf({ ...state, ...without });
      return (
        (await server.listItems({ collection, filter, limit: 1, signal }).catch(() => null))?.total ?? null
      );
    }),
  );
  const offers = chosen.flatMap(({ field, value, text, without }, index) => {
    const said =
      field === "label"
        ? lastPart(text)
        : value === undefined
          ? `${fieldName(field)} ${text}`
          : fieldValue(value);
    const total = totals[index];
    if (total === 0) return [];
    return el(
      "li",
      {},
      button(
        { click: () => go(without) },
        `Without “${said}”${total === null ? "" : `: ${count(total, "item")}`}`,
      ),
    );
  });
  return nothingNotice(
    "No results",
    "Nothing that can be compared with this fits all the filters.",
    el("ul", { class: "offers", role: "list" }, ...offers),
    button({ class: "button button-small", click: () => go(NO_FILTERS) }, "Show everything"),
  );
}
