// The syntax units around a hole, from the smallest to the whole file.

import ts from "typescript";

import { erase, eraseFramed } from "./erase.mjs";
import { locate } from "./holes.mjs";
import { splitAround } from "./parts.mjs";

/**
 * The request `units`: `{units: [{kind, before, after, erased}], before_parts, after_parts}`.
 * Units of more than `max_chars` are left out, but for the smallest.
 */
export function units({ max_chars: maxChars, ...hole }) {
  const { text, sourceFile, annotation } = locate(hole);
  const start = hole.prefix.length;
  const end = start + hole.gold.length;
  const isShort = (span, rank) => rank === 0 || span.end - span.start <= maxChars;
  const spans = [...spansAround(annotation.owner)].filter(isShort);
  return {
    units: spans.map((span) => ({
      kind: span.kind,
      before: text.slice(span.start, start),
      after: text.slice(end, span.end),
      erased: span.frame
        ? eraseFramed(text.slice(span.start, span.end), span.frame)
        : erase(text.slice(span.start, span.end)),
    })),
    ...splitAround(sourceFile, text, start, end),
  };
}

/** `{kind, start, end, frame}` of the enclosing units, each larger than the last; and the file. */
function* spansAround(owner) {
  let last;
  for (let node = owner; node !== undefined; node = node.parent) {
    const span = spanOf(node);
    if (!span) continue;
    const isLarger = !last || span.start < last.start || span.end > last.end;
    if (!isLarger && span.kind !== "file") continue;
    last = span;
    yield span;
  }
}

function spanOf(node) {
  if (ts.isSourceFile(node)) return { kind: "file", start: 0, end: node.text.length };
  if (ts.isFunctionDeclaration(node)) return signaturesSpan("function", node);
  if (ts.isMethodDeclaration(node) && ts.isObjectLiteralExpression(node.parent)) {
    return { ...nodeSpan("method", node), frame: "property" };
  }
  if (ts.isMethodDeclaration(node)) return { ...signaturesSpan("method", node), frame: "member" };
  if (ts.isConstructorDeclaration(node)) {
    return { ...signaturesSpan("constructor", node), frame: "member" };
  }
  if (ts.isAccessor(node)) {
    const frame = ts.isClassLike(node.parent) ? "member" : "property";
    return { ...nodeSpan("accessor", node), frame };
  }
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return valueSpan("function", node);
  if (ts.isPropertyDeclaration(node)) return { ...nodeSpan("property", node), frame: "member" };
  if (ts.isClassDeclaration(node)) return nodeSpan("class", node);
  if (ts.isClassExpression(node)) return valueSpan("class", node);
  if (ts.isModuleDeclaration(node) && !ts.isModuleDeclaration(node.parent)) {
    return nodeSpan("namespace", node);
  }
  if (ts.isSourceFile(node.parent)) return nodeSpan("statement", node);
  return undefined;
}

function nodeSpan(kind, node) {
  return { kind, start: node.getStart(), end: node.end };
}

/** A function with all its overload signatures: alone, a signature is no JavaScript at all. */
function signaturesSpan(kind, node) {
  const siblings = node.parent.statements ?? node.parent.members;
  const isSame = (other) =>
    other?.kind === node.kind && other.name?.getText() === node.name?.getText();
  let first = siblings.indexOf(node);
  let last = first;
  while (isSame(siblings[first - 1]) && !siblings[first - 1].body) first -= 1;
  while (isSame(siblings[last + 1]) && !siblings[last].body) last += 1;
  return { kind, start: siblings[first].getStart(), end: siblings[last].end };
}

/** An expression with the statement or property in front of it which it initialises. */
function valueSpan(kind, value) {
  let node = value;
  while (ts.isParenthesizedExpression(node.parent)) node = node.parent;
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) && parent.parent.declarations?.length === 1) {
    const statement = parent.parent.parent;
    if (ts.isVariableStatement(statement)) return nodeSpan(kind, statement);
  }
  if (ts.isPropertyAssignment(parent)) return { ...nodeSpan(kind, parent), frame: "property" };
  if (ts.isPropertyDeclaration(parent)) return { ...nodeSpan(kind, parent), frame: "member" };
  if (ts.isBinaryExpression(parent) && ts.isExpressionStatement(parent.parent)) {
    return nodeSpan(kind, parent.parent);
  }
  if (ts.isExportAssignment(parent)) return nodeSpan(kind, parent);
  return { ...nodeSpan(kind, value), frame: "expression" };
}
