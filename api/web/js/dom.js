/* Small helpers to build elements. Text only ever enters the page through
   text nodes, so catalog metadata can never become markup. */

/** The element with this id; a missing one is a mistake in index.html. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * Build one element.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] Null, undefined and false are left out.
 * @param {...(Node|string|null|undefined|false)} children Strings become text nodes.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter(Boolean));
  return element;
}

/** A bar filled to `share` (0..1). Decoration: the number beside it carries the meaning. */
export function bar(share) {
  const element = el("span", { class: "bar", "aria-hidden": "true" });
  element.style.setProperty("--value", String(Math.min(1, Math.max(0, share || 0))));
  return element;
}

/** An item's picture in a square frame; the frame stays empty when it cannot be loaded. */
export function picture(src, alt) {
  const image = el("img", {
    alt,
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    width: 320,
    height: 320,
  });
  image.addEventListener("error", () => image.setAttribute("data-broken", ""));
  image.src = sized(src, 320);
  image.srcset = `${sized(src, 320)} 1x, ${sized(src, 640)} 2x`;
  return el("div", { class: "picture" }, image);
}

/** The address of an item's image, at most `size` pixels on its longer side. */
export function sized(src, size) {
  const url = new URL(src, location.origin);
  url.searchParams.set("size", String(size));
  return url.pathname + url.search;
}

/** A label path as text, with a place to break the line after each slash. */
export function labelText(path) {
  const fragment = document.createDocumentFragment();
  path.split("/").forEach((part, index, parts) => {
    const last = index === parts.length - 1;
    fragment.append(last ? part : `${part}/`);
    if (!last) fragment.append(el("wbr"));
  });
  return fragment;
}
