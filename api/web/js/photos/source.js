/* Every way in which a photo arrives: choosing, the camera, dropping, pasting.
   Whether the bytes really are a picture is for the server to say. */

import { el } from "../dom.js";
import { isTyping } from "../keys.js";
import { t } from "../language.js";

/** @typedef {(file: File, count?: number) => void} Receive Told how many came with it, itself among them. */

/**
 * Where a photo is chosen or taken, and dropped or pasted anywhere.
 * @param {Receive} receive @param {() => void} refuse Called where a text or an address came.
 */
export function photoSource(receive, refuse) {
  const choose = fileInput("photo", {}, receive);
  const camera = fileInput("camera", { capture: "environment" }, receive);
  /** @param {Event} event @param {?DataTransfer} carried */
  const take = (event, carried) => {
    const [file] = carried?.files ?? [];
    if (!choose.isConnected || !carried?.types.length || (!file && isTyping(event.target))) return;
    event.preventDefault();
    if (file) receive(file, carried.files.length);
    else refuse();
  };
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  acceptDrops(take, choose);
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
 * @param {(event: DragEvent, carried: ?DataTransfer) => void} take
 * @param {Node} view Nothing is taken while it is not shown.
 */
function acceptDrops(take, view) {
  const veil = el(
    "div",
    { class: "drop-veil", "aria-hidden": "true", hidden: true },
    el("p", {}, t("search.dropping")),
  );
  document.body.append(veil);
  let isOwn = false; // what is dragged comes from this page
  const carriesFiles = (event) => view.isConnected && event.dataTransfer?.types.includes("Files");
  const showVeil = (shown) => (veil.hidden = !shown);

  document.addEventListener("dragenter", (event) => carriesFiles(event) && showVeil(true));
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && showVeil(false));
  for (const name of ["dragstart", "dragend"]) document.addEventListener(name, () => (isOwn = name === "dragstart"));
  document.addEventListener("dragover", (event) => {
    if (isOwn || !event.dataTransfer || !view.isConnected || (!carriesFiles(event) && isTyping(event.target))) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    showVeil(false);
    if (!isOwn) take(event, event.dataTransfer);
  });
}
