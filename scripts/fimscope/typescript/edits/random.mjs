// Random numbers that are the same on every machine.

import { createHash } from "node:crypto";

/** Whole numbers below a bound, from sha256 in counter mode. */
export function generator(key) {
  const start = createHash("sha256").update(key).digest("hex");
  let counter = 0;
  let block = Buffer.alloc(0);
  return (bound) => {
    if (block.length === 0) {
      block = createHash("sha256").update(`${start}${counter}`).digest();
      counter += 1;
    }
    const value = block.readUInt32BE(0);
    block = block.subarray(4);
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
