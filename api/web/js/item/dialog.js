/* An item over the results, under an address of its own: all its views, why it matches, what is known
   of it, and where to go from here. */

import { Problem } from "../search_client.js";
import { closeness } from "../closeness.js";
import { button, el, iconButton, labelText, picture } from "../dom.js";
import { dialog } from "../dialog.js";
import { attributeText, fieldName, itemLink, itemName, itemPrice, isHeading, score, shownFields } from "../format.js";
import { isModified } from "../keys.js";
import { t } from "../language.js";
import { problemNotice } from "../notices.js";
import { server } from "../server.js";
import { setTitle, settings } from "../settings.js";
import { heatPicture } from "./heat.js";
import { zoomable } from "./zoom.js";

/** @typedef {import("../search_client.js").Item} Item */
/** @typedef {import("../search_client.js").Neighbor} Neighbor */
/**
 * @typedef {object} Around What the dialog needs of the page behind it.
 * @property {() => void} close
 * @property {(itemId: string) => void} turnTo       Another item of the results.
 * @property {(itemId: string) => string} similarTo
 * @property {(label: string) => string} withLabel
 * @property {import("../search/tray.js").Tray} tray
 */
/**
 * @typedef {(itemId: string, signal: AbortSignal) => Promise<Neighbor & {explanation?: *} | undefined>}
 *   Explain
 */

const MOST_VIEWS = 20;

/** Whether a text was copied; over plain http, where there is no clipboard, as browsers did it before. @param {string} text */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const field = el("textarea", { class: "visually-hidden" }, text);
  document.querySelector("dialog[open]")?.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

/** @param {Around} around */
export function itemDialog(around) {
  const element = dialog(t("item.dialog"), "item-dialog", around.close);
  const back = iconButton("back", t("item.previous"), {});
  const next = iconButton("next", t("item.next"), {});
  const copy = button({ class: "button button-small", click: copyLink }, t("item.copy"));
  const body = el("div", { class: "item" });
  let [before, after] = ["", ""];
  let shownId = "";
  let running = new AbortController();
  element.append(
    el(
      "header",
      { class: "dialog-head" },
      back,
      next,
      copy,
      el("span", { class: "spacer" }),
      iconButton("close", t("shell.close"), { click: around.close }),
    ),
    body,
  );
  back.addEventListener("click", () => around.turnTo(before));
  next.addEventListener("click", () => around.turnTo(after));
  element.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || isModified(event)) return;
    if (event.key === "ArrowLeft" && before) around.turnTo(before);
    if (event.key === "ArrowRight" && after) around.turnTo(after);
  });

  async function copyLink() {
    const url = new URL(location.href);
    url.searchParams.delete("photo"); // it is in this browser only
    url.searchParams.delete("box");
    url.searchParams.delete("embed"); // a page of its own
    const copied = await copyText(url.href);
    copy.textContent = t(copied ? "item.copied" : "item.not_copied");
    setTimeout(() => (copy.textContent = t("item.copy")), 2000);
  }

  return {
    /**
     * @param {string} collection @param {string} itemId
     * @param {Neighbor[]} neighbors The results behind the dialog.
     * @param {?Explain} explain Null where there is nothing that it could match.
     */
    async show(collection, itemId, neighbors, explain) {
      const at = neighbors.findIndex((each) => each.item_id === itemId);
      [before, after] = [neighbors[at - 1]?.item_id ?? "", at < 0 ? "" : (neighbors[at + 1]?.item_id ?? "")];
      back.disabled = !before;
      next.disabled = !after;
      const wasOpen = element.open;
      if (!element.isConnected) document.body.append(element);
      if (!wasOpen) element.showModal();
      if (at < 0 && itemId === shownId && wasOpen) return; // results without it came
      shownId = itemId;
      running.abort();
      running = new AbortController();
      const { signal } = running;
      try {
        const item = at >= 0 ? neighbors[at] : await server.getItem(itemId, { collection, signal });
        if (signal.aborted) return;
        body.replaceChildren(...content(item, around, explain, signal));
        element.setAttribute("aria-label", itemName(item));
        setTitle(itemName(item));
        element.scrollTop = 0;
        await showViews(body, collection, item, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        if (!body.querySelector(".item-picture"))
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

/**
 * @param {Item & {score?: number}} item
 * @param {Around} around
 * @param {?Explain} explain
 * @param {AbortSignal} signal
 */
function content(item, around, explain, signal) {
  const name = itemName(item);
  const price = itemPrice(item);
  const link = itemLink(item);
  const shown = heatPicture(item.image_url ?? "", name, name);
  const stage = el(
    "div",
    { class: "item-picture" },
    zoomable(shown.element).element,
    el("div", { class: "item-views" }),
  );
  const facts = el(
    "div",
    { class: "item-facts" },
    el("h2", { class: "item-name" }, name),
    price && el("p", { class: "item-price" }, price),
    item.label && el("p", {}, el("a", { href: () => around.withLabel(/** @type {string} */ (item.label)) }, labelText(item.label))),
    item.score !== undefined &&
      el(
        "p",
        { class: "item-closeness" },
        closeness({ ...item, score: item.score }),
        closeness({ ...item, score: item.score }) && " · ",
        el("span", { class: "muted" }, t("item.similarity", { score: score(item.score) })),
      ),
    el(
      "div",
      { class: "item-actions" },
      el("a", { class: "button button-primary", href: () => around.similarTo(item.item_id) }, t("item.similar")),
      ...around.tray.toggles(item),
      explain && whyButton(item.item_id, shown, explain, signal),
    ),
    link &&
      el("p", {}, el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, t("item.shop"))),
    attributes(item),
  );
  return [stage, facts];
}

/** What makes the score, as an overlay; worked out when it is asked for. @param {Explain} explain */
function whyButton(itemId, shown, explain, signal) {
  /** @type {*} */
  let heat;
  const toggle = button(
    {
      "aria-pressed": "false",
      click: async () => {
        const pressed = toggle.getAttribute("aria-pressed") === "true";
        if (!pressed && heat === undefined) {
          toggle.textContent = t("item.working");
          heat = await explain(itemId, signal).then(
            (found) => found?.explanation?.item ?? null,
            () => null,
          );
          if (signal.aborted) return;
          toggle.textContent = t(heat ? "item.why" : "item.no_why");
          toggle.disabled = !heat;
        }
        toggle.setAttribute("aria-pressed", String(!pressed && Boolean(heat)));
        shown.show(pressed ? null : heat);
        if (!pressed) shown.element.scrollIntoView({ block: "nearest" });
      },
    },
    t("item.why"),
  );
  return toggle;
}

const isWanted = (field) => settings.attributes.includes(field);

/** @param {Item} item */
function attributes(item) {
  const { item_id: itemId, product_id: productId, attributes: all } = item;
  const own = [
    [t("item.product"), productId],
    [t("item.id"), itemId],
  ];
  const isSaid = (field) =>
    isHeading(field) && (typeof all[field] === "number" || all[field] === itemName(item));
  const fields = shownFields(Object.keys(all).filter((each) => isWanted(each) || !isSaid(each)));
  const rows = [...fields.map((field) => [field, all[field]]), ...own].filter(
    ([, value]) => value !== null && value !== "",
  );
  return el(
    "dl",
    { class: "item-attributes" },
    ...rows.map(([field, value]) =>
      el("div", {}, el("dt", {}, fieldName(field)), el("dd", {}, attributeText(value))),
    ),
  );
}

/**
 * The other pictures of the same product.
 * @param {HTMLElement} body
 * @param {string} collection
 * @param {Item} item
 * @param {AbortSignal} signal
 */
async function showViews(body, collection, item, signal) {
  if (!item.product_id) return;
  const filter = { field: "product_id", eq: item.product_id };
  const { items } = await server.listItems({ collection, filter, limit: MOST_VIEWS, signal });
  if (signal.aborted || items.length < 2) return;
  const views = el(
    "ul",
    { role: "list", "aria-label": t("item.views") },
    ...items.map((view, index) => {
      const shows = button(
        {
          class: "item-view",
          "aria-label": t("item.view", { number: index + 1, count: items.length }),
          "aria-current": view.item_id === item.item_id && "true",
        },
        picture(view.image_url ?? "", ""),
      );
      shows.addEventListener("click", () => {
        const image = heatPicture(view.image_url ?? "", itemName(view), itemName(view));
        body.querySelector(".zoom-panel")?.replaceWith(zoomable(image.element).element);
        views.querySelector("[aria-current]")?.removeAttribute("aria-current");
        shows.setAttribute("aria-current", "true");
      });
      return el("li", {}, shows);
    }),
  );
  body.querySelector(".item-views")?.replaceChildren(views);
}
