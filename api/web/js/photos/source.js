/* Every way in which a photo arrives: choosing, the camera, dropping, pasting.
   Whether the bytes really are a picture is for the server to say. */

import { el } from "../dom.js";
import { t } from "../language.js";

/** @typedef {(file: File) => void} Receive */

/**
 * Where a photo is chosen or taken, and dropped or pasted anywhere.
 * @param {Receive} receive
 */
export function photoSource(receive) {
  const choose = fileInput("photo", {}, receive);
  const camera = fileInput("camera", { capture: "environment" }, receive);
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file || !choose.isConnected) return;
    event.preventDefault();
    receive(file);
  });
  acceptDrops(receive, choose);
  return { choose, camera };
}

/**
 * A labelled file input that looks like a button.
 * @param {HTMLInputElement} input
 * @param {...import("../dom.js").Child} children
 */
export const fileButton = (input, ...children) =>
  el("label", { class: "button", for: input.id }, ...children);

/** @param {"photo"|"camera"} id @param {Record<string, unknown>} attributes @param {Receive} receive */
function fileInput(id, attributes, receive) {
  const input = el("input", {
    class: "visually-hidden",
    type: "file",
    id,
    accept: "image/*",
    "aria-label": t(`photo.${id}`),
    ...attributes,
  });
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) receive(file);
    input.value = ""; // choosing the same file again is a change, too
  });
  return input;
}

/**
 * @param {Receive} receive
 * @param {Node} view Nothing is taken while it is not shown.
 */
function acceptDrops(receive, view) {
  const veil = el(
    "div",
    { class: "drop-veil", "aria-hidden": "true", hidden: true },
    el("p", {}, t("search.dropping")),
  );
  document.body.append(veil);
  const carriesFiles = (event) => view.isConnected && event.dataTransfer?.types.includes("Files");
  const showVeil = (shown) => (veil.hidden = !shown);

  document.addEventListener("dragenter", (event) => carriesFiles(event) && showVeil(true));
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && showVeil(false));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer || !carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    showVeil(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (!file || !view.isConnected) return;
    event.preventDefault();
    receive(file);
  });
}
