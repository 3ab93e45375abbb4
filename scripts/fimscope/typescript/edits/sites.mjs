// The share of an edit's sites that is changed, and what their replacements make of a text.

import { Refusal } from "../refusal.mjs";
import { generator, shuffle } from "./random.mjs";

/**
 * The sites of a share, in source order. For one seed and program the sites of a smaller share are
 * among those of a larger one.
 */
export function chooseSites(sites, share, options) {
  const n = shareOf(sites.length, share);
  if (n >= sites.length) return sites;
  const chosen = new Set(drawnOrder(sites.length, share.name, options).slice(0, n));
  return sites.filter((_, index) => chosen.has(index));
}

/** How many of n sites a share is; a share is never of none where there are any. */
export function shareOf(n, { dose, count }) {
  return count === null ? Math.ceil(dose * n) : Math.min(count, n);
}

/** The indices of n sites in the order in which shares of them are drawn. */
export function drawnOrder(n, name, { seed, origin }) {
  const order = Array.from({ length: n }, (_, index) => index);
  return shuffle(order, generator(`${seed}\n${name}\n${origin}`));
}

/** The text of a program after replacements; none may overlap another. */
export function replace(text, replacements) {
  return replacedBetween(text, 0, text.length, inOrder(replacements));
}

/** `{start, end}` in the text after replacements of each that adds something to the program. */
export function addedSpans(replacements) {
  let shift = 0;
  const spans = [];
  for (const { start, end, text, isAdded } of inOrder(replacements)) {
    const from = start + shift;
    if (isAdded) spans.push({ start: from, end: from + text.length });
    shift += text.length - (end - start);
  }
  return spans;
}

/** The hole's parts after replacements; none may overlap another, nor the gold. */
export function replaceAround(text, gold, nameStart, replacements) {
  const ordered = inOrder(replacements);
  if (ordered.some(({ start, end }) => start < gold.end && end > gold.start)) {
    throw new Refusal("edit_failed", "a replacement and the gold overlap");
  }
  return {
    prefix: replacedBetween(text, 0, gold.start, ordered),
    gold: text.slice(gold.start, gold.end),
    suffix: replacedBetween(text, gold.end, text.length, ordered),
    before_name: replacedBetween(text, 0, nameStart, ordered),
  };
}

/** Replacements in source order; none may overlap another. */
export function inOrder(replacements) {
  const ordered = [...replacements].sort((a, b) => a.start - b.start || a.end - b.end);
  for (let index = 1; index < ordered.length; index += 1) {
    if (ordered[index].start < ordered[index - 1].end) {
      throw new Refusal("edit_failed", "two replacements overlap");
    }
  }
  return ordered;
}

function replacedBetween(text, from, to, ordered) {
  let result = "";
  let at = from;
  for (const { start, end, text: replacement } of ordered) {
    if (start < from || end > to) continue;
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at, to);
}
