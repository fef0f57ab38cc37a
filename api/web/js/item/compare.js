/* Two to four items side by side: pictures, what makes them match, and where they differ. */

import { Problem } from "../search_client.js";
import { closeness } from "../closeness.js";
import { button, el, iconButton, labelText } from "../dom.js";
import { dialog } from "../dialog.js";
import { attributeText, fieldName, isHeading, itemName, itemPrice, shownFields } from "../format.js";
import { t } from "../language.js";
import { problemNotice } from "../notices.js";
import { server } from "../server.js";
import { setTitle } from "../settings.js";
import { heatPicture } from "./heat.js";

/** @typedef {import("../search_client.js").Neighbor} Neighbor */

/** @param {{close: () => void, hrefOf: (itemId: string) => string}} around */
export function compareDialog(around) {
  const element = dialog(t("compare.title"), "compare-dialog", around.close);
  const body = el("div", {
    class: "compare",
    tabindex: 0,
    role: "region",
    "aria-label": t("compare.region"),
  });
  const heading = el("header", { class: "dialog-head" });
  let running = new AbortController();
  element.append(heading, body);

  return {
    /**
     * @param {string} collection @param {string[]} ids @param {Neighbor[]} neighbors What is known already.
     * @param {?((ids: string[], signal: AbortSignal) => Promise<Map<string, *>>)} explain
     */
    async show(collection, ids, neighbors, explain) {
      running.abort();
      running = new AbortController();
      const { signal } = running;
      if (!element.isConnected) document.body.append(element);
      if (!element.open) element.showModal();
      setTitle(t("compare.title"));
      try {
        const known = new Map(neighbors.map((each) => [each.item_id, each]));
        const items = await Promise.all(
          ids.map((id) => known.get(id) ?? server.getItem(id, { collection, signal })),
        );
        if (signal.aborted) return;
        const pictures = items.map((item) => heatPicture(item.image_url ?? "", "", itemName(item)));
        heading.replaceChildren(
          el("h2", {}, t("compare.title")),
          el("span", { class: "spacer" }),
          explain ? whyAll(items, pictures, explain, signal) : "",
          iconButton("close", t("shell.close"), { click: around.close }),
        );
        body.replaceChildren(table(items, pictures, around.hrefOf));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        heading.replaceChildren(
          el("span", { class: "spacer" }),
          iconButton("close", t("shell.close"), { click: around.close }),
        );
        body.replaceChildren(problemNotice(error, { label: t("shell.close"), act: around.close }));
      }
    },
    hide() {
      running.abort();
      if (element.open) element.close();
      element.remove();
      body.replaceChildren();
    },
  };
}

function whyAll(items, pictures, explain, signal) {
  /** @type {?Map<string, *>} */
  let found = null;
  const toggle = button(
    {
      class: "button button-small",
      "aria-pressed": "false",
      click: async () => {
        const shown = toggle.getAttribute("aria-pressed") === "true";
        toggle.textContent = t("item.working");
        found ??= await explain(
          items.map((item) => item.item_id),
          signal,
        ).catch(() => new Map());
        if (signal.aborted) return;
        toggle.textContent = t(found?.size ? "compare.why" : "compare.no_why");
        toggle.setAttribute("aria-pressed", String(!shown));
        items.forEach((item, index) =>
          pictures[index].show(shown ? null : (found?.get(item.item_id)?.explanation?.item ?? null)),
        );
      },
    },
    t("compare.why"),
  );
  return toggle;
}

function table(items, pictures, hrefOf) {
  const fields = shownFields([...new Set(items.flatMap((item) => Object.keys(item.attributes)))]);
  const row = (name, values, shown = (value) => value) => {
    const differs = new Set(values).size > 1;
    return el(
      "tr",
      { "data-differs": differs },
      el("th", { scope: "row" }, name),
      ...values.map((value) => el("td", {}, value ? shown(value) : "–")),
    );
  };
  const text = (item, field) =>
    item.attributes[field] === undefined ? "" : attributeText(item.attributes[field]);
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("td", {}),
        ...items.map((item, index) =>
          el(
            "th",
            { scope: "col" },
            pictures[index].element,
            el("a", { href: () => hrefOf(item.item_id) }, itemName(item)),
          ),
        ),
      ),
    ),
    el(
      "tbody",
      {},
      items.every((item) => item.score !== undefined) && row(t("compare.match"), items.map(closeness)),
      items.some(itemPrice) && row(t("compare.price"), items.map(itemPrice)),
      row(
        t("filter.label"),
        items.map((item) => item.label ?? ""),
        labelText,
      ),
      ...fields
        .filter((field) => !isHeading(field))
        .map((field) =>
          row(
            fieldName(field),
            items.map((item) => text(item, field)),
          ),
        ),
    ),
  );
}
