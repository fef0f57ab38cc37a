/* One place for what is not a result: a problem, waiting, nothing found. */

import { byId, el } from "./dom.js";

const slot = byId("notice");

export function clear() {
  slot.replaceChildren();
}

/**
 * A problem in the server's own words, with its code for whoever is asked for help.
 * @param {string} label What to do about it…
 * @param {() => void} act …and doing it.
 */
export function problem({ title, detail, code, requestId }, label, act) {
  put(
    { class: "notice notice-error", role: "alert" },
    el("h3", {}, title),
    detail && el("p", {}, detail),
    el(
      "p",
      { class: "notice-codes" },
      code && el("span", {}, code),
      requestId && el("span", {}, `request ${requestId}`),
    ),
    action(label, act),
  );
}

export function waiting({ detail }) {
  put(
    { class: "notice notice-waiting", role: "status", "aria-label": "Starting" },
    el("h3", {}, "Eyedex is getting ready"),
    el("p", {}, detail || "The catalog is still loading."),
    el("p", {}, "This page goes on by itself as soon as it can."),
  );
}

export function nothing(title, text, label, act) {
  put({ class: "notice" }, el("h3", {}, title), el("p", {}, text), label && action(label, act));
}

function action(label, act) {
  const button = el("button", { class: "button", type: "button" }, label);
  button.addEventListener("click", act);
  return button;
}

function put(attributes, ...children) {
  slot.replaceChildren(el("div", attributes, ...children));
}
