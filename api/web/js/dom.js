/* Small helpers to build elements. Text only ever enters the page through
   text nodes, so catalog metadata can never become markup. */

import { showPicture } from "./pictures.js";

/** @typedef {Node|string|null|undefined|false} Child Strings become text nodes; nothing is left out. */

const ICONS = {
  back: "M14 5l-7 7 7 7",
  next: "M10 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  like: "M12 20S4 15 4 9.5A4 4 0 0 1 12 8a4 4 0 0 1 8 1.5C20 15 12 20 12 20Z",
  dislike: "M5 12a7 7 0 1 0 14 0 7 7 0 1 0-14 0M7.2 7.2l9.6 9.6",
  compare: "M5 5h5v14H5zM14 5h5v14h-5z",
  filter: "M4 7h16M7 12h10M10 17h4",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9.2v.1",
  similar: "M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12M14.5 14.5L20 20",
  in: "M12 6v12M6 12h12",
  out: "M6 12h12",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  remove: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  key: "M14.5 4.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10M11 13l-7 7M6.5 17.5L9 20",
};

/** The element with this id; a missing one is a mistake in index.html. @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * Build one element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] Null, undefined and false are left out; a function
 *   listens to the event of that name, and as `href` is asked where a link leads whenever it is used.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "href" && typeof value === "function") leadTo(element, /** @type {() => string} */ (value));
    else if (typeof value === "function") element.addEventListener(name, /** @type {any} */ (value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node|string)[]} */ (children.filter(Boolean)));
  return element;
}

/** @param {HTMLElement} link @param {() => string} hrefOf Of what is shown by then. */
function leadTo(link, hrefOf) {
  const set = () => link.setAttribute("href", hrefOf());
  set();
  for (const use of ["pointerenter", "pointerdown", "focus", "click"]) link.addEventListener(use, set, { capture: true });
}

/**
 * Put tabs in the place of those before: the current one has the focus if one of them had it, and is in
 * sight where not all fit.
 * @param {HTMLElement} nav @param {...HTMLElement} tabs
 */
export function fillTabs(nav, ...tabs) {
  const hadFocus = nav.contains(document.activeElement);
  nav.replaceChildren(...tabs);
  const current = tabs.find((each) => each.hasAttribute("aria-current"));
  if (!current) return;
  if (hadFocus) current.focus();
  const [own, around] = [current.getBoundingClientRect(), nav.getBoundingClientRect()];
  nav.scrollLeft += own.left - around.left - (around.width - own.width) / 2;
}

/**
 * @param {Record<string, unknown>} attributes As of `el`; a listener for `click` among them.
 * @param {...Child} children
 */
export const button = (attributes, ...children) =>
  el("button", { type: "button", class: "button", ...attributes }, ...children);

/**
 * A button that shows a picture and is called by a text.
 * @param {keyof typeof ICONS} name @param {string} label @param {Record<string, unknown>} attributes
 */
export const iconButton = (name, label, attributes) =>
  button({ class: "icon-button", "aria-label": label, title: label, ...attributes }, icon(name));

/** A drawn sign; what it says is said in words beside it. @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  for (const [key, value] of [
    ["viewBox", "0 0 24 24"],
    ["aria-hidden", "true"],
    ["class", "icon"],
  ]) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Text that only a screen reader says. @param {string} text */
export const unseen = (text) => el("span", { class: "visually-hidden" }, text);

/**
 * A bar filled to `share` (0..1). Decoration: the text beside it carries the meaning.
 * @param {number} share
 */
export function bar(share) {
  const element = el("span", { class: "bar", "aria-hidden": "true" });
  element.style.setProperty("--value", String(Math.min(1, Math.max(0, share || 0))));
  return element;
}

/**
 * An item's picture in a square frame; where it cannot be loaded, its name stands there.
 * @param {string} src @param {string} alt Empty where the name stands beside it.
 * @param {string} [name] What stands there instead.
 */
export function picture(src, alt, name = alt) {
  const image = el("img", {
    alt,
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    width: 320,
    height: 320,
  });
  const frame = el("div", { class: "picture" }, image);
  image.addEventListener("error", () => {
    frame.replaceChildren(el("span", { class: "picture-missing" }, icon("picture"), name));
  });
  showPicture(image, sized(src, 320), `${sized(src, 320)} 1x, ${sized(src, 640)} 2x`);
  return frame;
}

/**
 * The address of an item's image, at most `size` pixels on its longer side.
 * @param {string} src
 * @param {number} size
 */
export function sized(src, size) {
  const url = new URL(src, location.origin);
  url.searchParams.set("size", String(size));
  return url.pathname + url.search;
}

/** A label path as text, with a place to break the line after each slash. @param {string} path */
export function labelText(path) {
  const fragment = document.createDocumentFragment();
  path.split("/").forEach((part, index, parts) => {
    const last = index === parts.length - 1;
    fragment.append(last ? part : `${part}/`);
    if (!last) fragment.append(el("wbr"));
  });
  return fragment;
}

/** Stylesheets of a view, loaded when it is opened. @param {...string} names @returns {Promise<unknown>} */
export function styles(...names) {
  return Promise.all(
    names.map((name) => {
      const href = `/static/css/${name}.css`;
      if (document.querySelector(`link[href="${href}"]`)) return null;
      const link = el("link", { rel: "stylesheet", href });
      const loaded = new Promise((resolve) => {
        link.onload = link.onerror = resolve; // without it the view is plain, and works
      });
      document.head.append(link);
      return loaded;
    }),
  );
}
