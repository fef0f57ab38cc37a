/* A value that parts of the page share: who changes it need not know who shows it. */

/** @template T */
export class Store extends EventTarget {
  /** @param {T} value */
  constructor(value) {
    super();
    this.value = value;
  }

  /** Put another value in its place. @param {T} value */
  set(value) {
    this.value = value;
    this.dispatchEvent(new Event("change"));
  }

  /** Call `show` now and after each change. @param {(value: T) => void} show */
  shownBy(show) {
    this.addEventListener("change", () => show(this.value));
    show(this.value);
  }
}
