/* The page within another site's: that one is told how high this one is, and what was clicked.

   Messages go to whoever shows the page: which sites may do so is set at the server
   (`frame-ancestors`). */

const ITEM = /^\/item\/([^/]+)$/;

/** @param {Record<string, unknown>} message */
const tell = (message) => parent.postMessage(message, "*");

/** Tell of every change. */
export function tellParent() {
  const height = () => tell({ type: "eyedex:height", height: Math.ceil(document.body.scrollHeight) });
  new ResizeObserver(height).observe(document.body);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const [, collection] = ITEM.exec(link?.pathname ?? "") ?? [];
    const id = collection && new URLSearchParams(link?.search).get("id");
    if (id) tell({ type: "eyedex:item", collection: decodeURIComponent(collection), item_id: id });
  }, { capture: true });
  // A dialog opens beside what was clicked: the frame may be much higher than the screen.
  document.addEventListener("pointerdown", ({ clientY }) =>
    document.documentElement.style.setProperty("--clicked", `${clientY}px`),
  );
}
