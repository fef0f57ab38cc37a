/* Controls of impatient readers. */

/**
 * What a button or form does, once however quickly it is used: not again while it goes on, which shows,
 * nor by the second click of a double click, which may meet another button by then.
 * @param {(event: any) => unknown} work
 */
export function once(work) {
  let isAtWork = false;
  return async (/** @type {UIEvent & {submitter?: HTMLElement}} */ event) => {
    event.preventDefault();
    if (isAtWork || event.detail > 1) return;
    const control = event.submitter ?? /** @type {HTMLElement} */ (event.currentTarget);
    isAtWork = true;
    control.setAttribute("aria-busy", "true");
    try {
      await work(event);
    } finally {
      isAtWork = false;
      control.removeAttribute("aria-busy");
    }
  };
}
