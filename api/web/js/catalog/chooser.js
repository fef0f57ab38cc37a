/* Where files or a folder are chosen, or dropped anywhere while this is shown. */

import { el } from "../dom.js";
import { t } from "../language.js";
import { ofDrop, ofInput } from "./chosen_files.js";

/** @param {(files: import("./chosen_files.js").Found[]) => void} receive */
export function chooser(receive) {
  const problem = el("p", { class: "form-problem", role: "alert" });
  const take = (files) => {
    problem.textContent = "";
    receive(files);
  };
  const files = fileInput("files", { multiple: true }, take);
  const folder = fileInput("folder", { webkitdirectory: true }, take);
  const element = el(
    "div",
    { class: "dropzone catalog-drop" },
    el("p", { class: "dropzone-title" }, t("add.drop")),
    el(
      "div",
      { class: "row" },
      files,
      el("label", { class: "button button-primary", for: files.id }, t("add.choose_files")),
      folder,
      el("label", { class: "button desk-only", for: folder.id }, t("add.choose_folder")),
    ),
    el(
      "p",
      { class: "muted" },
      t("add.help"),
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

/** @param {"files"|"folder"} name @param {Record<string, unknown>} attributes @param {(files: import("./chosen_files.js").Found[]) => void} take */
function fileInput(name, attributes, take) {
  const input = el("input", {
    class: "visually-hidden",
    type: "file",
    id: `add-${name}`,
    "aria-label": t(`add.${name}`),
    ...attributes,
  });
  input.addEventListener("change", () => {
    const chosen = ofInput(input.files ?? []);
    input.value = "";
    take(chosen);
  });
  return input;
}
