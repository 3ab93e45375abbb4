// How much of a program the compiler is asked to bear: counted in work, never in seconds, so that a
// program that is refused on one machine is refused on all of them.

import { link } from "./nodes.mjs";
import { Refusal } from "./refusal.mjs";

// Of 1,967 real files the deepest has 41 levels, the largest under 200 kB 25,000 nodes.
const MAX_CHARS = 2_000_000;
const MAX_NODES = 500_000;
// From about 1,000 levels on the checker takes quadratic time, and some recursion its whole stack.
const MAX_DEPTH = 500;

// "Type instantiation is excessively deep", "union type that is too complex", "excessive stack
// depth": the checker's own limits in work. Up to there a text takes it 20 s and over 1 GB.
const GAVE_UP = new Set([2321, 2589, 2590, 2859]);

/** Whether the checker gave up a type for its own limits; diagnostics have a `code`. */
export function gaveUp(diagnostics) {
  return diagnostics.some(({ code }) => GAVE_UP.has(code));
}

/** The tree that `make` makes of a text, linked, where the text is not too long nor too deep. */
export function withinLimits(text, make) {
  if (text.length > MAX_CHARS) throw tooComplex(`more than ${MAX_CHARS} characters`);
  let sourceFile;
  try {
    sourceFile = make();
  } catch (error) {
    if (error instanceof RangeError) throw tooComplex(TOO_DEEP);
    throw error;
  }
  if (sourceFile.nodeCount > MAX_NODES) throw tooComplex(`more than ${MAX_NODES} syntax nodes`);
  if (!link(sourceFile, MAX_DEPTH)) throw tooComplex(TOO_DEEP);
  return sourceFile;
}

const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep`;

export function tooComplex(detail) {
  return new Refusal("too_complex", detail);
}
