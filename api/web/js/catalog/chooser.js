/* Where files or a folder are chosen, or dropped anywhere while this is shown. */

import { el } from "../dom.js";
import { ofDrop, ofInput } from "./chosen_files.js";

/** @param {(files: import("./chosen_files.js").Chosen[]) => void} receive */
export function chooser(receive) {
  const problem = el("p", { class: "form-problem", role: "alert" });
  const take = (files) => {
    problem.textContent = "";
    receive(files);
  };
  const files = fileInput("Files", { multiple: true }, take);
  const folder = fileInput("Folder", { webkitdirectory: true }, take);
  const element = el(
    "div",
    { class: "dropzone catalog-drop" },
    el("p", { class: "dropzone-title" }, "Drop pictures, a folder, a zip or a table here"),
    el(
      "div",
      { class: "row" },
      files,
      el("label", { class: "button button-primary", for: files.id }, "Choose files"),
      folder,
      el("label", { class: "button desk-only", for: folder.id }, "Choose a folder"),
    ),
    el(
      "p",
      { class: "muted" },
      "Folders become labels. A table (CSV, Excel, JSON Lines, Parquet) has a row for each picture, with its name or address, and comes with the pictures or in one zip.",
    ),
    problem,
  );

  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && leave());
  document.addEventListener("drop", dropped);

  const leave = () => delete element.dataset.over;

  /** @param {DragEvent} event */
  function over(event) {
    if (!element.isConnected || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    element.dataset.over = "";
  }

  /** @param {DragEvent} event */
  async function dropped(event) {
    leave();
    if (!element.isConnected || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    take(await ofDrop(event.dataTransfer));
  }

  return { element, /** @param {string} text */ tell: (text) => (problem.textContent = text) };
}

function fileInput(label, attributes, take) {
  const input = el("input", {
    class: "visually-hidden",
    type: "file",
    id: `add-${label.toLowerCase()}`,
    "aria-label": label,
    ...attributes,
  });
  input.addEventListener("change", () => {
    const chosen = ofInput(input.files ?? []);
    input.value = "";
    take(chosen);
  });
  return input;
}
