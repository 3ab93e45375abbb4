// What the parts of a program's text are to its hole.

import ts from "typescript";

import { commentsOf } from "./comments.mjs";
import { namesOf } from "./places.mjs";
import { parse } from "./program.mjs";

/**
 * The request `regions`: `[{kind, between, text}]` in source order, none overlapping another, with
 * the text between each and the one before.
 *
 * kind  `declaration`, `use`: the hole's name, as `places` finds it
 *       `annotation`: a type behind a colon, the outermost, that is not the gold; in pieces where
 *       it holds a use
 *       `comment`: one outside annotations, for the compiler's eyes or not
 *
 * Nothing lies inside the gold.
 */
export function regions({ hole, before_name: beforeName }) {
  const text = hole.prefix + hole.gold + hole.suffix;
  const gold = { start: hole.prefix.length, end: hole.prefix.length + hole.gold.length };
  const names = namesOf(hole, beforeName).map(({ isDeclaration, ...span }) => ({
    kind: isDeclaration ? "declaration" : "use",
    ...span,
  }));
  const annotations = annotationsOf(text, gold);
  const types = annotations.flatMap((span) => piecesAround(span, names));
  const comments = outside(commentsOf(text), [gold, ...annotations, ...names]);
  const found = [
    ...names,
    ...types.map((span) => ({ kind: "annotation", ...span })),
    ...comments.map((span) => ({ kind: "comment", ...span })),
  ].sort((a, b) => a.start - b.start);
  let last = 0;
  return found.map(({ kind, start, end }) => {
    const between = text.slice(last, start);
    last = end;
    return { kind, between, text: text.slice(start, end) };
  });
}

/** The types that stand behind a colon, but for the gold, in source order. */
function annotationsOf(text, gold) {
  const found = [];
  const visit = (node) => {
    if (node.getStart() >= gold.start && node.end <= gold.end) return;
    const { type } = node.parent;
    const isAnnotation = node === type && ts.isTypeNode(node) && text[node.pos - 1] === ":";
    if (isAnnotation) found.push({ start: node.getStart(), end: node.end });
    else ts.forEachChild(node, visit);
  };
  ts.forEachChild(parse(text), visit);
  return found;
}

/** What is left of a span without the names inside it. */
function piecesAround(span, names) {
  const inside = names.filter(({ start, end }) => start >= span.start && end <= span.end);
  const starts = [span.start, ...inside.map(({ end }) => end)];
  const ends = [...inside.map(({ start }) => start), span.end];
  return starts
    .map((start, index) => ({ start, end: ends[index] }))
    .filter(({ start, end }) => start < end);
}

/** The spans that lie in none of the others. */
function outside(spans, others) {
  return spans.filter((span) =>
    others.every(({ start, end }) => span.end <= start || span.start >= end),
  );
}
