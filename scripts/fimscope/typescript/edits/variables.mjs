// The family of local variables, parameters and functions.

import ts from "typescript";

import { isDestructuredParameter } from "./renaming.mjs";

export const VARIABLES = { name: "variables", meaning: ts.SymbolFlags.Value, isDeclaration };

function isDeclaration(declaration) {
  if (ts.isParameter(declaration)) {
    return !ts.isParameterPropertyDeclaration(declaration, declaration.parent);
  }
  if (isDestructuredParameter(declaration)) {
    // In a signature without a body `{a: b}` would name the type b.
    return ts.walkUpBindingElementsAndPatterns(declaration).parent.body !== undefined;
  }
  const isVariable = ts.isVariableDeclaration(declaration) || ts.isBindingElement(declaration);
  const isFunction = ts.isFunctionDeclaration(declaration) || ts.isFunctionExpression(declaration);
  return isVariable || isFunction;
}

/** `parameter`, `variable` or `function`. */
export function kindOf(symbol) {
  const [declaration] = symbol.declarations;
  if (ts.isParameter(declaration)) return "parameter";
  if (ts.isBindingElement(declaration)) {
    return isDestructuredParameter(declaration) ? "parameter" : "variable";
  }
  return ts.isVariableDeclaration(declaration) ? "variable" : "function";
}
