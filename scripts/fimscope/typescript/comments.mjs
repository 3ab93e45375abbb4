// The comments of a program.

import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { parse } from "./program.mjs";

// What the compiler reads in a comment is no comment to an edit.
export const DIRECTIVE = /@ts-(ignore|expect-error|nocheck|check)|^\/\/\/\s*</;

const found = new RecentCache(8);

/** `{start, end}` of every comment, directives too, in source order. */
export function commentsOf(text) {
  return found.get(text, () => findComments(text));
}

function findComments(text) {
  const comments = [];
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, false);
  const scanGap = (from, to) => {
    if (from >= to) return;
    scanner.setText(text, from, to - from);
    for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) {
      const isComment =
        kind === ts.SyntaxKind.SingleLineCommentTrivia ||
        kind === ts.SyntaxKind.MultiLineCommentTrivia;
      const [start, end] = [scanner.getTokenFullStart(), scanner.getTokenEnd()];
      if (isComment) comments.push({ start, end });
    }
  };
  let last = 0;
  for (const token of tokensOf(parse(text))) {
    scanGap(last, token.getStart());
    last = token.end;
  }
  return comments;
}

/** The tokens of a tree in source order; JSDoc is a comment. */
function* tokensOf(sourceFile) {
  const isJsDoc = ({ kind }) =>
    kind >= ts.SyntaxKind.FirstJSDocNode && kind <= ts.SyntaxKind.LastJSDocNode;
  const stack = [sourceFile];
  while (stack.length > 0) {
    const node = stack.pop();
    const children = node.getChildren(sourceFile).filter((child) => !isJsDoc(child));
    if (children.length > 0) stack.push(...children.reverse());
    else if (node.kind !== ts.SyntaxKind.SyntaxList) yield node;
  }
}
