// Whether a program looks its variables up by their names while it runs.

import ts from "typescript";

import { nodesOf } from "./nodes.mjs";

// Without one of these no text does; a backslash may spell a letter of `eval`.
const LOOKUP = /\b(?:eval|with)\b|\\u/;

/**
 * Whether a tree holds `with` or a direct call of `eval`; an indirect one sees globals alone.
 * `eval?.(x)` counts as direct, as the resolver of the JavaScript takes it, though it is not.
 */
export function looksNamesUp(sourceFile) {
  return LOOKUP.test(sourceFile.text) && nodesOf(sourceFile).some(isLookup);
}

function isLookup(node) {
  if (ts.isWithStatement(node)) return true;
  if (!ts.isCallExpression(node)) return false;
  let callee = node.expression;
  while (isOuter(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && callee.text === "eval";
}

/** Parentheses, assertions and types around a callee leave its call direct. */
function isOuter(node) {
  return (
    ts.isParenthesizedExpression(node) ||
    ts.isAssertionExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isExpressionWithTypeArguments(node)
  );
}
