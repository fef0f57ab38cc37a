/* Single-key shortcuts. They rest while something is being typed, and below a dialog. */

/** @param {Record<string, () => void>} actions By `event.key`. @param {Node} view They rest while it is not shown. */
export function onKeys(actions, view) {
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!action || !view.isConnected || isModified(event) || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    action();
  });
}

/** Whether the browser means something by it, such as to go back. @param {KeyboardEvent} event */
export const isModified = ({ altKey, ctrlKey, metaKey }) => altKey || ctrlKey || metaKey;

/** @param {?EventTarget} target */
export function isTyping(target) {
  const fields = "input:not([type=checkbox], [type=file]), textarea, select, [contenteditable]";
  return target instanceof HTMLElement && target.matches(fields);
}
