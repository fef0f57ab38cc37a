/* What was answered lately, kept by a key. */

/** A map that forgets its oldest entry. @template K, V @extends {Map<K, V>} */
export class Recent extends Map {
  /** @param {number} limit */
  constructor(limit) {
    super();
    this.limit = limit;
  }

  /** @param {K} key @param {V} value */
  set(key, value) {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.limit) this.delete(/** @type {K} */ (this.keys().next().value));
    return this;
  }

  /** Keep a value, and hand it on. @param {K} key @param {V} value @returns {V} */
  keep(key, value) {
    this.set(key, value);
    return value;
  }
}
