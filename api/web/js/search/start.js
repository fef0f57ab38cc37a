/* How a search begins: a photo, one of the latest photos, or a picture of the catalog. */

import { el, icon, iconButton, picture } from "../dom.js";
import { itemName, lastPart } from "../format.js";
import { t } from "../language.js";
import { forget, recent } from "../photos/library.js";
import { fileButton } from "../photos/source.js";
import { server } from "../server.js";
import { wordsBox } from "./words_box.js";

const SHOWN = 12;
const SHOWN_RECENT = 6;

/**
 * @param {{choose: HTMLInputElement, camera: HTMLInputElement}} inputs
 * @param {(words: ?string) => void} search
 */
export function startView({ choose, camera }, search) {
  /** Ids of what this browser cannot show. @type {Set<string>} */
  const unseen = new Set();
  const words = wordsBox(t("search.words_or"), search);
  const latest = el("ul", { class: "samples-list samples-latest", role: "list", "aria-labelledby": "latest-title" });
  const samples = el("ul", { class: "samples-list", role: "list", "aria-labelledby": "samples-title" });
  samples.append(
    ...Array.from({ length: SHOWN }, () =>
      el("li", { class: "skeleton skeleton-picture", "aria-hidden": "true" }),
    ),
  );
  const take = fileButton(camera, icon("camera"), t("search.take"));
  const pick = fileButton(choose, icon("picture"), t("search.choose"));
  take.classList.add("button-primary", "touch-only");
  pick.classList.add("button-primary");
  const element = el(
    "div",
    { class: "start" },
    el(
      "div",
      { class: "intro" },
      el("h1", {}, t("search.title")),
      el("p", {}, t("search.text")),
    ),
    el(
      "div",
      { class: "dropzone" },
      el("div", { class: "dropzone-actions" }, take, pick),
      el(
        "p",
        { class: "dropzone-hint desk-only" },
        `${t("search.drop")} `,
        el("kbd", {}, t("search.ctrl")),
        " ",
        el("kbd", {}, "V"),
      ),
      words.element,
    ),
    el(
      "section",
      { class: "samples", "aria-labelledby": "latest-title" },
      el("h2", { class: "eyebrow", id: "latest-title" }, t("search.latest")),
      latest,
    ),
    el(
      "section",
      { class: "samples", "aria-labelledby": "samples-title" },
      el("h2", { class: "eyebrow", id: "samples-title" }, t("search.samples")),
      samples,
    ),
  );

  /** The photos of this browser, but what turned out to be none. @param {(id: string) => string} hrefOf */
  async function showLatest(hrefOf) {
    const photos = (await recent()).filter(({ id }) => !unseen.has(id)).slice(0, SHOWN_RECENT);
    latest.replaceChildren(
      ...photos.map((photo, index) => {
        const image = el("img", { src: photo.url, alt: "", draggable: "false" });
        const link = el(
          "a",
          {
            class: "sample",
            href: () => hrefOf(photo.id),
            "aria-label": t("search.again", { number: index + 1 }),
            title: photo.name,
          },
          el("div", { class: "picture" }, image),
        );
        const remove = iconButton("close", t("search.forget", { number: index + 1 }), { class: "icon-button sample-forget" });
        image.addEventListener("error", () => {
          unseen.add(photo.id);
          showLatest(hrefOf);
        });
        remove.addEventListener("click", async () => {
          await forget(photo.id);
          await showLatest(hrefOf);
          (latest.querySelector("a") ?? samples.querySelector("a"))?.focus();
        });
        return el("li", {}, link, remove);
      }),
    );
  }

  /**
   * One item for each of some labels; the first items where there are no labels.
   * @param {import("./catalog.js").Collection} collection @param {import("../search_client.js").Label[]} labels
   * @param {(itemId: string) => string} hrefOf @param {AbortSignal} signal
   */
  async function showSamples(collection, labels, hrefOf, signal) {
    const items = labels.length
      ? spread(labels, SHOWN).map(({ label, example }) => ({ ...example, name: lastPart(label) }))
      : (await firstItems(collection, signal)).map((item) => ({ ...item, name: itemName(item) }));
    samples.replaceChildren(
      ...items.map((item) => {
        const shown = picture(item.image_url ?? "", item.name);
        const row = el("li", {}, el("a", { class: "sample", href: () => hrefOf(item.item_id) }, shown));
        shown.querySelector("img")?.addEventListener("error", () => row.remove()); // only those with pictures
        return row;
      }),
    );
  }

  return {
    element,
    words,
    /** Where something is typed, or else chosen. */
    focus: () => (words.element.hidden ? choose : words.input).focus(),
    showLatest,
    showSamples,
  };
}

/** @param {import("./catalog.js").Collection} collection @param {AbortSignal} signal */
const firstItems = async ({ name, items }, signal) =>
  items ? (await server.listItems({ collection: name, limit: SHOWN, signal })).items : []; // the first upload makes it

/** As many as wanted, evenly over the whole list. @template T @param {T[]} all @param {number} wanted */
function spread(all, wanted) {
  const count = Math.min(wanted, all.length);
  return Array.from({ length: count }, (_, n) => all[Math.floor((n * all.length) / count)]);
}
