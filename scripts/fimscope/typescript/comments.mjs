// The comments of a program.

import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { nodesOf } from "./nodes.mjs";
import { parse } from "./program.mjs";

// What the compiler reads in a comment is no comment to an edit.
export const DIRECTIVE = /@ts-(ignore|expect-error|nocheck|check)|^\/\/\/\s*</;

const COMMENT = /\/\*[^]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g;
// The line that names the interpreter is none, though it may hold two slashes.
const HASHBANG = /^\ufeff?#![^\n\r\u2028\u2029]*/;

// The tokens that can hold what looks like a comment.
const LITERALS = new Set([
  ts.SyntaxKind.StringLiteral,
  ts.SyntaxKind.RegularExpressionLiteral,
  ts.SyntaxKind.NoSubstitutionTemplateLiteral,
  ts.SyntaxKind.TemplateHead,
  ts.SyntaxKind.TemplateMiddle,
  ts.SyntaxKind.TemplateTail,
]);

const found = new RecentCache(8);

/** `{start, end}` of every comment, directives too, in source order. */
export function commentsOf(text) {
  return found.get(text, () => {
    const file = parse(text);
    const literals = nodesOf(file)
      .filter(({ kind }) => LITERALS.has(kind))
      .map((node) => ({ start: node.getStart(file), end: node.end }))
      .sort((a, b) => a.start - b.start);
    const starts = [0, ...literals.map(({ end }) => end)];
    const ends = [...literals.map(({ start }) => start), text.length];
    return starts.flatMap((start, index) => commentsBetween(text, start, ends[index]));
  });
}

/** The line that names the interpreter, or "". */
export function hashbangOf(text) {
  return HASHBANG.exec(text)?.[0] ?? "";
}

/** The comments of a part of a text in which nothing else could look like one. */
export function commentsBetween(text, start, end) {
  if (start === end) return [];
  const first = start === 0 ? hashbangOf(text).length : start;
  const part = text.slice(first, end);
  if (!part.includes("/")) return [];
  return Array.from(part.matchAll(COMMENT), ({ index, 0: { length } }) => ({
    start: first + index,
    end: first + index + length,
  }));
}

/** A part of a text in which no literal stands, without its comments and white space. */
export function withoutComments(text, start, end) {
  const first = start === 0 ? hashbangOf(text).length : start;
  const part = text.slice(first, end);
  return /[\s/]/.test(part) ? part.replace(COMMENT, "").replace(/\s+/g, "") : part;
}
