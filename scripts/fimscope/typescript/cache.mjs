// What was made for the last few keys.

export class RecentCache {
  constructor(size) {
    this.size = size;
    this.made = new Map();
  }

  has(key) {
    return this.made.has(key);
  }

  /** The value of a key, made at its first use; the key used longest ago goes when it is full. */
  get(key, make) {
    const value = this.made.has(key) ? this.made.get(key) : make();
    this.made.delete(key);
    this.made.set(key, value);
    if (this.made.size > this.size) this.made.delete(this.made.keys().next().value);
    return value;
  }
}
