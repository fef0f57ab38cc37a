/* Two to four items side by side: pictures, what makes them match, and where they differ. */

import { Problem } from "../client.js";
import { closeness } from "../closeness.js";
import { button, dialog, el, iconButton } from "../dom.js";
import { attributeText, fieldName, itemName, itemPrice } from "../format.js";
import { problemNotice } from "../notices.js";
import { server } from "../server.js";
import { heatPicture } from "./heat.js";

/** @typedef {import("../client.js").Neighbor} Neighbor */

/** @param {{close: () => void, hrefOf: (itemId: string) => string}} around */
export function compareDialog(around) {
  const element = dialog("Compare", "compare-dialog", around.close);
  const body = el("div", {
    class: "compare",
    tabindex: 0,
    role: "region",
    "aria-label": "Items side by side",
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
      document.title = "Compare – Eyedex";
      try {
        const known = new Map(neighbors.map((each) => [each.item_id, each]));
        const items = await Promise.all(
          ids.map((id) => known.get(id) ?? server.getItem(id, { collection, signal })),
        );
        if (signal.aborted) return;
        const pictures = items.map((item) => heatPicture(item.image_url ?? "", "", itemName(item)));
        heading.replaceChildren(
          el("h2", {}, "Compare"),
          el("span", { class: "spacer" }),
          explain ? whyAll(items, pictures, explain, signal) : "",
          iconButton("close", "Close", { click: around.close }),
        );
        body.replaceChildren(table(items, pictures, around.hrefOf));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        heading.replaceChildren(
          el("span", { class: "spacer" }),
          iconButton("close", "Close", { click: around.close }),
        );
        body.replaceChildren(problemNotice(error, { label: "Close", act: around.close }));
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
        toggle.textContent = "Working it out…";
        found ??= await explain(
          items.map((item) => item.item_id),
          signal,
        ).catch(() => new Map());
        if (signal.aborted) return;
        toggle.textContent = found?.size ? "Why they match" : "No explanation for these";
        toggle.setAttribute("aria-pressed", String(!shown));
        items.forEach((item, index) =>
          pictures[index].show(shown ? null : (found?.get(item.item_id)?.explanation?.item ?? null)),
        );
      },
    },
    "Why they match",
  );
  return toggle;
}

function table(items, pictures, hrefOf) {
  const fields = [...new Set(items.flatMap((item) => Object.keys(item.attributes)))];
  const row = (name, values) => {
    const differs = new Set(values).size > 1;
    return el(
      "tr",
      { "data-differs": differs },
      el("th", { scope: "row" }, name),
      ...values.map((value) => el("td", {}, value || "–")),
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
            el("a", { href: hrefOf(item.item_id) }, itemName(item)),
          ),
        ),
      ),
    ),
    el(
      "tbody",
      {},
      items.every((item) => item.score !== undefined) && row("Match", items.map(closeness)),
      items.some(itemPrice) && row("Price", items.map(itemPrice)),
      row(
        "Label",
        items.map((item) => item.label ?? ""),
      ),
      ...fields
        .filter((field) => !/^(name|title|price)$/i.test(field))
        .map((field) =>
          row(
            fieldName(field),
            items.map((item) => text(item, field)),
          ),
        ),
    ),
  );
}
