/* What was answered lately, kept by a key. */

/** A map that forgets its oldest entry. */
export class Recent extends Map {
  constructor(limit) {
    super();
    this.limit = limit;
  }

  /** @returns the value, for chaining */
  set(key, value) {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.limit) this.delete(this.keys().next().value);
    return value;
  }
}
