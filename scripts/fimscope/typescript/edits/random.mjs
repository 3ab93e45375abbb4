// Random numbers that are the same on every machine.

import { hash } from "node:crypto";

/** Whole numbers below a bound, from sha256 in counter mode. */
export function generator(key) {
  const start = hash("sha256", key);
  let counter = 0;
  let block = Buffer.alloc(0);
  let at = 0;
  return (bound) => {
    if (at === block.length) {
      block = hash("sha256", `${start}${counter}`, "buffer");
      counter += 1;
      at = 0;
    }
    const value = block.readUInt32BE(at);
    at += 4;
    return value % bound;
  };
}

/** The values in random order, in place. */
export function shuffle(values, random) {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [values[last], values[other]] = [values[other], values[last]];
  }
  return values;
}
