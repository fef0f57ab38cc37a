/* Drawing anew what somebody is using: the focus and what is typed stay. */

/** @typedef {import("./dom.js").Child} Child */

/**
 * Put children in the place of those that an element has. Who is at one of them stays there: it is not
 * touched where it is among them again, and else the focus goes to what is called the same.
 * @param {Element} element @param {...Child} children
 */
export function fill(element, ...children) {
  const wanted = /** @type {(Node|string)[]} */ (children.filter(Boolean));
  const active = /** @type {?HTMLElement} */ (document.activeElement);
  if (!active || active === element || !element.contains(active)) return element.replaceChildren(...wanted);
  const at = wanted.findIndex((each) => each instanceof Element && each.parentNode === element && each.contains(active));
  if (at < 0) {
    element.replaceChildren(...wanted);
    const all = /** @type {HTMLElement[]} */ ([...element.querySelectorAll(active.localName)]);
    return all.find((each) => calledOf(each) === calledOf(active))?.focus({ preventScroll: true });
  }
  const stays = /** @type {Element} */ (wanted[at]);
  for (const each of [...element.childNodes]) if (each !== stays) each.remove();
  stays.before(...wanted.slice(0, at));
  return stays.after(...wanted.slice(at + 1));
}

/** @param {HTMLElement} element */
const calledOf = ({ id, dataset, ariaLabel, attributes, textContent }) =>
  id || dataset.key || ariaLabel || attributes.getNamedItem("href")?.value || textContent;

/**
 * What a field says by the place; what was typed since stays until the place says something else.
 * @param {HTMLInputElement} field @param {string} value
 */
export function put(field, value) {
  if (field.dataset.put === value) return;
  field.dataset.put = field.value = value;
}
