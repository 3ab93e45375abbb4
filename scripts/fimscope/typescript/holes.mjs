// The annotations of function signatures, by the compiler's own node spans.

import ts from "typescript";

import { nodesOf } from "./nodes.mjs";
import { parseWhole } from "./program.mjs";
import { Refusal } from "./refusal.mjs";

/**
 * Every annotation of a function's signature, in source order:
 * `{kind, node, owner, index, name}` with the name's node, or `{..., problem}` where it can't be a
 * hole. The index counts all places where the signatures could have an annotation, filled or not.
 */
export function annotations(sourceFile) {
  const found = [];
  let places = 0;
  for (const node of nodesOf(sourceFile)) {
    if (!isFunction(node)) continue;
    found.push(...signatureAnnotations(node, places));
    places += node.parameters.length + 1;
  }
  return found.sort((a, b) => a.node.pos - b.node.pos);
}

/** The annotation that is exactly the gold between prefix and suffix, or undefined. */
export function annotationAt(sourceFile, hole) {
  const start = hole.prefix.length;
  const end = start + hole.gold.length;
  const all = annotations(sourceFile);
  return all.find(({ node }) => node.end === end && node.getStart(sourceFile) === start);
}

/**
 * The request `holes`: for each annotation its gold, the text between it and the annotation before,
 * and the text from its name on; or the problem. (A long program would not bear whole prefixes.)
 */
export function holes({ text }) {
  const sourceFile = parseWhole(text);
  let last = 0;
  return annotations(sourceFile).map(({ kind, node, name, problem }) => {
    const start = node.getStart();
    const row = { kind, between: text.slice(last, start), gold: text.slice(start, node.end) };
    last = node.end;
    if (problem) return { ...row, problem: `${place(sourceFile, node)}: ${problem}` };
    return { ...row, name: name.getText(), from_name: text.slice(name.getStart(), start) };
  });
}

/** The whole text of a hole, its tree, and its annotation. Throws Refusal where there is none. */
export function locate(hole) {
  const text = hole.prefix + hole.gold + hole.suffix;
  const sourceFile = parseWhole(text);
  const annotation = annotationAt(sourceFile, hole);
  if (!annotation) throw new Refusal("hole_moved", "no signature's annotation stands at the hole");
  return { text, sourceFile, annotation };
}

function isFunction(node) {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node)
  );
}

function signatureAnnotations(owner, first) {
  const found = [];
  for (const [place, parameter] of owner.parameters.entries()) {
    if (!parameter.type) continue;
    const annotation = { kind: "parameter", node: parameter.type, owner, index: first + place };
    if (ts.isIdentifier(parameter.name)) found.push({ ...annotation, name: parameter.name });
    else found.push({ ...annotation, problem: "a destructured parameter has no name" });
  }
  if (owner.type) {
    const index = first + owner.parameters.length;
    const annotation = { kind: "return", node: owner.type, owner, index };
    const name = functionName(owner);
    if (name) found.push({ ...annotation, name });
    else found.push({ ...annotation, problem: "the return type of a function without a name" });
  }
  return found;
}

/** A function's own name, or that of the variable or property which it initialises. */
export function functionName(owner) {
  if (owner.name) return owner.name;
  let value = owner;
  while (ts.isParenthesizedExpression(value.parent)) value = value.parent;
  const { parent } = value;
  const initialises =
    (ts.isVariableDeclaration(parent) ||
      ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent)) &&
    parent.initializer === value;
  if (initialises) return ts.isBindingPattern(parent.name) ? undefined : parent.name;
  const assigned =
    ts.isBinaryExpression(parent) &&
    parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
    parent.right === value;
  if (assigned && ts.isIdentifier(parent.left)) return parent.left;
  if (assigned && ts.isPropertyAccessExpression(parent.left)) return parent.left.name;
  return undefined;
}

function place(sourceFile, node) {
  return `line ${sourceFile.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
