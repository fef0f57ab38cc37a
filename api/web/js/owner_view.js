/* A view about one collection, for owners: its title, the choice of the collection, notices. */

import { Attempts } from "./attempts.js";
import { Problem } from "./client.js";
import { el } from "./dom.js";
import { fill } from "./redraw.js";
import { t } from "./language.js";
import { nothingNotice } from "./notices.js";
import { server } from "./owner_server.js";
import { setTitle } from "./settings.js";

/** @typedef {{name: string, items: number, unsearchable: number, pending: number, encoder: ?{name: string, fingerprint: string, reads_texts: boolean}, fields: string[]}} Collection */
/**
 * @typedef {object} Around What the content needs of the view.
 * @property {(patch: Record<string, ?string>, how?: {replace?: boolean}) => void} go Change the address; null leaves a name out.
 * @property {(patch: Record<string, ?string>) => string} href
 * @property {() => void} refresh Show the place again, with what the server says now.
 * @property {<T>(work: () => Promise<T>) => Promise<T|undefined>} act Do something; where it fails, say so.
 */
/**
 * @typedef {object} Content
 * @property {HTMLElement} element
 * @property {HTMLElement} [tabs] Beside the title.
 * @property {(collection: Collection, query: URLSearchParams, signal: AbortSignal) => Promise<unknown>} show
 */

/**
 * @param {import("./main.js").Page} page @param {{title: string, path: string}} about
 * @param {(around: Around) => Content} make @returns {import("./main.js").View}
 */
export function ownerView({ root, router }, { title, path }, make) {
  let query = new URLSearchParams();
  const picker = el("select", {
    class: "select",
    id: `${path.slice(1)}-collection`,
    change: () => around.go({ collection: picker.value }),
  });
  const choice = el(
    "label",
    { class: "labelled labelled-row", for: picker.id, hidden: true },
    t("catalog.collection"),
    picker,
  );
  const notice = el("div", { class: "notice-slot" });
  const body = el("div", { class: "stack" });
  const hrefOf = (patch) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(patch)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    return next.size ? `${path}?${next}` : path;
  };
  /** @type {Around} */
  const around = {
    href: hrefOf,
    go: (patch, how) => router.go(hrefOf(patch), how),
    refresh: show,
    act: (work) => attempts.act(work),
  };
  const attempts = new Attempts({
    root,
    notice,
    body,
    refresh: show,
    start: { label: t("catalog.to_view"), act: () => router.go(path) },
  });
  const content = make(around);
  const head = el(
    "div",
    { class: "catalog-head" },
    el("div", { class: "row" }, el("h1", { tabindex: -1 }, title), choice),
  );
  if (content.tabs) head.append(content.tabs);
  root.replaceChildren(head, notice, body);
  body.replaceChildren(el("div", { class: "skeleton skeleton-row" }), el("div", { class: "skeleton skeleton-row" }));

  let shown = "";

  function show() {
    setTitle(title);
    body.inert = (query.get("collection") ?? "default") !== shown; // nobody means the one before
    return attempts.show(attempt);
  }

  /** @param {AbortSignal} signal */
  async function attempt(signal) {
    const { collections } = await server.listCollections({ signal });
    const current = chosenOf(collections, query.get("collection"));
    if (signal.aborted) return undefined;
    choice.hidden = collections.length < 2;
    fill(picker, ...collections.map(({ name }) => el("option", { value: name }, name)));
    body.inert = false;
    notice.replaceChildren();
    if (!current) return body.replaceChildren(nothing());
    picker.value = current.name;
    shown = query.get("collection") ?? "default";
    if (content.element.parentNode !== body) body.replaceChildren(content.element);
    return content.show(current, query, signal);
  }

  return {
    show(place) {
      query = place.query;
      show();
    },
  };
}

/** @param {Collection[]} collections @param {?string} name @returns {Collection|undefined} */
function chosenOf(collections, name) {
  const found = collections.find((each) => each.name === (name ?? "default"));
  if (!found && name !== null)
    throw new Problem({ title: "", code: "collection_not_found", status: 404 });
  return found ?? collections[0];
}

const nothing = () =>
  nothingNotice(
    t("catalog.nothing.title"),
    t("catalog.nothing.labelled"),
    el(
      "a",
      { class: "button button-primary", href: "/catalog?collection=default&part=add" },
      t("catalog.add_pictures"),
    ),
  );
