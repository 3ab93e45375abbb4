// A syntax tree in the order of its text.

import ts from "typescript";

/**
 * Go through the children of a node in source order: `child(node)` for each, and `gap(start, end)`
 * for the text in front of it and behind the last. Gaps hold what no node is: keywords,
 * punctuation, white space and comments. Together they are the whole text, each character once.
 */
export function inSourceOrder(node, gap, child) {
  const children = [];
  let isSorted = true;
  ts.forEachChild(node, (each) => {
    isSorted &&= children.length === 0 || children.at(-1).pos <= each.pos;
    children.push(each);
  });
  if (!isSorted) children.sort((a, b) => a.pos - b.pos);
  let at = node.pos;
  for (const each of children) {
    gap(at, each.pos);
    child(each);
    at = each.end;
  }
  gap(at, node.end);
}

/** Whether a node is one word, literal or mark, with white space and comments in front. */
export function isToken(node) {
  return ts.isTokenKind(node.kind);
}
