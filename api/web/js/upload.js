/* Every way in which a photo arrives: choosing, the camera, dropping, pasting.
   Whether the bytes really are a picture is for the server to say. */

import { byId } from "./dom.js";

const input = byId("photo");
const veil = byId("drop-veil");

/** Call `receive(file)` for each photo. */
export function onPhoto(receive) {
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) receive(file);
    input.value = ""; // choosing the same file again is a change, too
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
  acceptDrops(receive);
}

/** Open the browser's file dialog. */
export const openDialog = () => input.click();

function acceptDrops(receive) {
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const showVeil = (shown) => (veil.hidden = !shown);

  document.addEventListener("dragenter", (event) => carriesFiles(event) && showVeil(true));
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && showVeil(false));
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    showVeil(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
}
