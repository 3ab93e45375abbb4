// The variables that types name, which neither the errors nor the JavaScript need tell apart.

import ts from "typescript";

import { parse, typed } from "./program.mjs";

/** How the first name in a type that refers to another variable is spelled, or undefined. */
export function differenceOfTypeReferences(before, after) {
  const [was, is] = [typeReferences(before), typeReferences(after)];
  const places = Math.max(was.length, is.length);
  for (let index = 0; index < places; index += 1) {
    const [mine, its] = [was[index], is[index]];
    if (mine?.target !== its?.target) {
      return `a type names another variable: ${mine?.name ?? "none"}, then ${its?.name ?? "none"}`;
    }
  }
  return undefined;
}

/**
 * In source order the names of variables in `typeof x`, `x is T` and `asserts x`, each with its
 * target: the rank of its declaration among the program's, or the name where it has none.
 */
function typeReferences(text) {
  const ranks = new Map();
  const identifiers = [];
  const visit = (node) => {
    if (DECLARATIONS.has(node.kind)) ranks.set(node, ranks.size);
    if (ts.isTypePredicateNode(node) && ts.isIdentifier(node.parameterName)) {
      identifiers.push(node.parameterName);
    }
    if (ts.isTypeQueryNode(node)) identifiers.push(leftmost(node.exprName));
    ts.forEachChild(node, visit);
  };
  visit(parse(text));
  return identifiers.map((identifier) => {
    const symbol = typed(text).checker.getSymbolAtLocation(identifier);
    const rank = ranks.get(symbol?.declarations?.[0]);
    return { name: identifier.text, target: rank ?? identifier.text };
  });
}

const DECLARATIONS = new Set([
  ts.SyntaxKind.VariableDeclaration,
  ts.SyntaxKind.BindingElement,
  ts.SyntaxKind.Parameter,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.FunctionExpression,
]);

function leftmost(name) {
  return ts.isQualifiedName(name) ? leftmost(name.left) : name;
}
