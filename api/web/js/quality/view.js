/* The quality view of a collection: how good it is, learning from it, and whether all is well. */

import { el, fillTabs, styles } from "../dom.js";
import { loadWords, t } from "../language.js";
import { lateParts } from "../late.js";
import { ownerView } from "../owner_view.js";

const PARTS = /** @type {const} */ (["results", "improve", "health"]);
const LOAD = {
  results: () => import("./results.js"),
  improve: () => import("./improve.js"),
  health: () => import("./health.js"),
};

/** @param {import("../main.js").Page} page @returns {Promise<import("../main.js").View>} */
export async function open(page) {
  await Promise.all([styles("filters", "catalog", "charts", "quality"), loadWords("catalog")]);
  return ownerView(page, { title: t("shell.view.quality"), path: "/quality" }, content);
}

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
function content(around) {
  const tabs = el("nav", { class: "tabs", "aria-label": t("quality.parts") });
  const element = el("div", {});
  const partOf = lateParts(LOAD, around);

  return {
    element,
    tabs,
    async show(collection, query, signal) {
      const part = PARTS.find((each) => each === query.get("part")) ?? "results";
      fillTabs(
        tabs,
        ...PARTS.map((name) =>
          el(
            "a",
            {
              class: "tab",
              href: around.href({ part: name === "results" ? null : name, run: null, with: null }),
              "aria-current": name === part && "page",
            },
            t(`quality.part.${name}`),
          ),
        ),
      );
      /** @type {import("../owner_view.js").Content} */
      const shown = await partOf(part, collection.name);
      if (signal.aborted) return;
      if (shown.element.parentNode !== element) element.replaceChildren(shown.element);
      await shown.show(collection, query, signal);
    },
  };
}
