// The edits `delete_annotations` and `mask_annotations`: the annotations beside the gold go, or
// become `any`, as many as the type checker allows.

import ts from "typescript";

import { isAnnotated } from "../annotated.mjs";
import { RecentCache } from "../cache.mjs";
import { commentsOf } from "../comments.mjs";
import { tooComplex } from "../limits.mjs";
import { nodesOutside } from "../nodes.mjs";
import { parse } from "../program.mjs";
import { allowedShare, allowedSites } from "./checked_sites.mjs";

const ofPrograms = new RecentCache(64);
const underWay = new Set(); // the programs that are being searched
const NOWHERE = { start: -1, end: -1 };

// Without its annotation a method that makes its own generic class of other types has a type that
// holds itself, deeper each time; the checker goes through all ways from each to each. In langium's
// stream.ts two take it 0.1 s, three 4 s; at four it gives up, at six after 20 s and 1 GB.
const MAX_GROWING = 3;

/** The sites of `delete_annotations` at a share of those that the checker allows. */
export function deleteAnnotations(text, gold, options, share) {
  return allowedAround(text, gold, deletions, options, share);
}

/** The sites of `mask_annotations` at a share of those that the checker allows. */
export function maskAnnotations(text, gold, options, share) {
  return allowedAround(text, gold, masks, options, share);
}

/**
 * Of a program without a hole the sites are looked for once. Those beside a hole are the same where
 * that brings no error, and looked for anew where it does.
 */
function* allowedAround(text, gold, make, options, share) {
  const allowed = yield* allowedStarts(text, make);
  const sites = make(text, gold);
  const likely = sites.filter(({ replacements: [{ start }] }) => allowed.has(start));
  return yield* allowedShare(text, sites, options, share, true, likely);
}

/** Where the allowed sites of a program without a hole start. */
function* allowedStarts(text, make) {
  const key = `${make.name}\n${text}`;
  while (underWay.has(key)) yield []; // another of its holes looks for them
  if (ofPrograms.has(key)) return ofPrograms.get(key);
  underWay.add(key);
  try {
    const found = yield* allowedSites(text, make(text, NOWHERE), true);
    return ofPrograms.get(key, () => new Set(found.map(({ replacements: [{ start }] }) => start)));
  } finally {
    underWay.delete(key);
  }
}

function deletions(text, gold) {
  const commentEnds = new Set(commentsOf(text).map(({ end }) => end));
  const deletable = annotated(text, gold).filter(isDeletable);
  checkGrowth(deletable);
  return deletable.map((node) => {
    const colon = node.type.pos - 1;
    const before = text.slice(Math.max(0, colon - 200), colon);
    const isAfterComment = commentEnds.has(colon - before.length + before.trimEnd().length);
    // No line break may be left in front of an arrow, nor the arrow join a comment.
    const [spaces] = (isAfterComment ? /[ \t]*$/ : /\s*$/).exec(before);
    return site(node, { start: colon - spaces.length, end: node.type.end, text: "" });
  });
}

function masks(text, gold) {
  return annotated(text, gold)
    .filter(({ type }) => type.kind !== ts.SyntaxKind.AnyKeyword)
    .map((node) => site(node, { start: node.type.getStart(), end: node.type.end, text: "any" }));
}

function site(node, replacement) {
  const old = node.type.getText();
  const name = node.name && ts.isIdentifier(node.name) ? node.name.text : undefined;
  return {
    name,
    // Without its annotation a member called `get` or `static` may be read as what these are.
    keepsSyntax: name === undefined || ts.stringToToken(name) === undefined,
    starts: [node.getStart(), node.name?.getStart(), ...arrowStarts(node)],
    renames: [{ old, new: replacement.text, kind: "annotation" }],
    replacements: [replacement],
  };
}

// What is said of an arrow function is said at its arrow, or at its body.
function arrowStarts(node) {
  if (!ts.isArrowFunction(node)) return [];
  return [node.equalsGreaterThanToken.getStart(), node.body.getStart()];
}

/** Every declaration with an annotation that is not the gold, nor inside another annotation. */
function annotated(text, gold) {
  const isInAnnotation = (node) => node === node.parent.type && isAnnotated(node.parent);
  const isFound = (node) =>
    node.type && isAnnotated(node) && node.type.getStart() !== gold.start;
  return nodesOutside(parse(text), isInAnnotation, isFound);
}

/** Whether a declaration could do without its annotation at all. */
function isDeletable(node) {
  if ((node.flags & ts.NodeFlags.Ambient) !== 0 || node.exclamationToken) return false;
  if (ts.isVariableDeclaration(node)) return true;
  if (ts.isPropertyDeclaration(node)) return !hasAbstract(node);
  if (ts.isParameter(node)) {
    if (!node.parent.body || node.name.getText() === "this") return false;
    return node.initializer !== undefined || isContextual(node.parent);
  }
  return ts.isFunctionLike(node) && node.body !== undefined;
}

/** Throws Refusal `too_complex` where the types of more than MAX_GROWING of a class would grow. */
function checkGrowth(deletable) {
  const counts = new Map();
  for (const method of deletable.filter(isGrowing)) {
    const count = (counts.get(method.parent) ?? 0) + 1;
    counts.set(method.parent, count);
    if (count > MAX_GROWING) {
      const made = `make ${method.parent.name.text} of other types`;
      throw tooComplex(`more than ${MAX_GROWING} methods without their type ${made}`);
    }
  }
}

/** Whether a method of a generic class makes the class anew, of other types than its own. */
function isGrowing(node) {
  const owner = node.parent;
  if (!ts.isMethodDeclaration(node) || !ts.isClassLike(owner) || !owner.name) return false;
  const own = new Set(owner.typeParameters?.map(({ name }) => name.text));
  const makes = (inner) =>
    ts.isNewExpression(inner) &&
    inner.expression.getText() === owner.name.text &&
    inner.typeArguments?.some((type) => !own.has(type.getText()));
  const holds = (inner) => makes(inner) || ts.forEachChild(inner, holds) || false;
  return holds(node.body);
}

function hasAbstract(node) {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword) ?? false;
}

/** A function whose parameters can have their types from where it stands. */
function isContextual(owner) {
  return (
    ts.isArrowFunction(owner) ||
    ts.isFunctionExpression(owner) ||
    ts.isSetAccessor(owner) ||
    (ts.isMethodDeclaration(owner) && ts.isObjectLiteralExpression(owner.parent))
  );
}
