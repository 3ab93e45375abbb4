// Which declarations can have an annotation behind a colon.

import ts from "typescript";

/** Whether the type of a node, where it has one, is an annotation of its own. */
export function isAnnotated(node) {
  // A function type is one type, and an index signature cannot do without its parameter's.
  if (ts.isParameter(node)) {
    return !ts.isTypeNode(node.parent) && !ts.isIndexSignatureDeclaration(node.parent);
  }
  return (
    ts.isVariableDeclaration(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    (ts.isFunctionLike(node) && !ts.isTypeNode(node))
  );
}
