// The comments of a program.

import { RecentCache } from "./cache.mjs";
import { parse } from "./program.mjs";
import { inSourceOrder, isToken } from "./source_order.mjs";

// What the compiler reads in a comment is no comment to an edit.
export const DIRECTIVE = /@ts-(ignore|expect-error|nocheck|check)|^\/\/\/\s*</;

const COMMENT = /\/\*[^]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g;
// The line that names the interpreter is none, though it may hold two slashes.
const HASHBANG = /^\ufeff?#![^\n\r\u2028\u2029]*/;

const found = new RecentCache(8);

/** `{start, end}` of every comment, directives too, in source order. */
export function commentsOf(text) {
  return found.get(text, () => {
    const comments = [];
    const gap = (start, end) => {
      comments.push(...commentsBetween(text, start, end));
    };
    const visit = (node) => {
      if (isToken(node)) gap(node.pos, node.getStart());
      else inSourceOrder(node, gap, visit);
    };
    visit(parse(text));
    return comments;
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
