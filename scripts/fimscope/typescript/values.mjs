// The values of a program that tell a hole's type, and others.

import ts from "typescript";

import { locate } from "./holes.mjs";

/**
 * The request `values`: `[{kind, between, text}]` in source order, none inside another, with the
 * text between each and the one before.
 *
 * kind  `own`: the default of the hole's parameter, or what the hole's function returns
 *       `other`: any other default, initialiser or returned value, the outermost
 */
export function values({ prefix, gold, suffix }) {
  const { text, sourceFile, annotation } = locate({ prefix, gold, suffix });
  const own = new Set(
    annotation.kind === "parameter"
      ? [annotation.name.parent.initializer].filter(Boolean)
      : returned(annotation.owner),
  );
  const kept = [annotation.node, ...own];
  const found = [];
  const visit = (node) => {
    if (own.has(node)) found.push({ kind: "own", node });
    else if (isValue(node) && !kept.some((each) => isInside(each, node))) {
      found.push({ kind: "other", node });
    } else ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  let last = 0;
  return found.map(({ kind, node }) => {
    const between = text.slice(last, node.getStart());
    last = node.end;
    return { kind, between, text: node.getText() };
  });
}

/** What a function returns, those inside it apart. */
function returned({ body }) {
  if (!body) return [];
  if (!ts.isBlock(body)) return [body];
  const found = [];
  const visit = (node) => {
    if (ts.isReturnStatement(node) && node.expression) found.push(node.expression);
    if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  visit(body);
  return found;
}

function isValue(node) {
  const { parent } = node;
  if (!parent) return false;
  if (ts.isReturnStatement(parent)) return parent.expression === node;
  if (ts.isArrowFunction(parent)) return parent.body === node && !ts.isBlock(node);
  const isDeclared =
    ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isPropertyDeclaration(parent);
  return isDeclared && parent.initializer === node;
}

function isInside(inner, outer) {
  return inner.getStart() >= outer.getStart() && inner.end <= outer.end;
}
