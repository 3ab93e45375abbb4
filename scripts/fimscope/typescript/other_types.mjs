// What the compiler says of a program with another type in its hole.

import { errorsByPlace, missingErrors } from "./error_places.mjs";
import { annotationAt } from "./holes.mjs";
import { parse } from "./program.mjs";
import { Refusal } from "./refusal.mjs";

/**
 * The request `new_errors`: for each type the first error that the program has with it in the hole
 * and not with the gold, or null. Errors are the same where their code and their place are, as
 * `error_places.mjs` counts it; those that vanish do not count. Throws Refusal `hole_moved` where
 * no annotation stands at the hole.
 */
export function newErrors({ prefix, gold, suffix, types }) {
  const text = prefix + gold + suffix;
  if (!annotationAt(parse(text), { prefix, gold })) {
    throw new Refusal("hole_moved", "no signature's annotation stands at the hole");
  }
  return types.map((type) => {
    const was = errorsByPlace(text); // kept by its cache
    const [added] = missingErrors(errorsByPlace(prefix + type + suffix), was);
    return added?.detail ?? null;
  });
}
