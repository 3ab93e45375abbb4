// The edits `delete_annotations` and `mask_annotations`: the annotations beside the gold go, or
// become `any`, as many as the type checker allows.

import ts from "typescript";

import { errorsByPlace, missingErrors } from "../error_places.mjs";
import { gaveUp, tooComplex } from "../limits.mjs";
import { parse } from "../program.mjs";
import { drawnOrder, replace, shareOf } from "./sites.mjs";

const MAX_CHECKS = 24;
const DOSES = [0.25, 0.5, 0.75, 1];

// "... implicitly has type any" stands at the declaration that lacks its annotation.
const IMPLICIT_ANY = new Set([
  7005, 7006, 7008, 7010, 7011, 7015, 7018, 7019, 7022, 7023, 7024, 7031, 7032, 7033, 7034, 7041,
  7050, 7051,
]);

/** The sites of `delete_annotations` at a share of those that the checker allows. */
export function deleteAnnotations(text, gold, options, share) {
  return allowedShare(text, deletions(text, gold), options, share);
}

/** The sites of `mask_annotations` at a share of those that the checker allows. */
export function maskAnnotations(text, gold, options, share) {
  return allowedShare(text, masks(text, gold), options, share);
}

/**
 * A smaller share can need an annotation that a larger one does not, so the shares grow by steps,
 * each checked anew: for one seed a smaller share's sites are among those of a larger one.
 */
function allowedShare(text, sites, options, share) {
  const search = new Search(text);
  const all = search.extend([], sites);
  if (share.count === null && share.dose === 1) return all;
  const drawn = drawnOrder(all.length, share.name, options).map((index) => all[index]);
  const ends = share.count === null ? DOSES.filter((dose) => dose <= share.dose) : [share];
  let chosen = [];
  let from = 0;
  for (const end of ends) {
    const to = share.count === null ? Math.ceil(end * all.length) : shareOf(all.length, share);
    chosen = search.extend(chosen, drawn.slice(from, to));
    from = to;
  }
  return sites.filter((site) => chosen.includes(site));
}

/** Looks for the sites that can change with no new error, by a bounded number of checks. */
class Search {
  constructor(text) {
    this.text = text;
    this.checks = 0;
  }

  /** The accepted sites, and as many of the candidates as are allowed beside them. */
  extend(accepted, candidates) {
    let left = candidates;
    let errors = this.newErrors([...accepted, ...left]);
    while (errors.length > 0) {
      const blamed = blamedSites(errors, left);
      if (blamed.size === 0) break;
      left = left.filter((site) => !blamed.has(site));
      errors = this.newErrors([...accepted, ...left]);
    }
    if (errors.length === 0) return [...accepted, ...left];
    const isSuspect = suspicion(errors);
    const chosen = this.split(accepted, left.filter((site) => !isSuspect(site)));
    return this.split(chosen, left.filter(isSuspect));
  }

  /** Accepts candidates all together, or else each half alone. */
  split(accepted, candidates) {
    if (candidates.length === 0 || this.checks >= MAX_CHECKS) return accepted;
    if (this.newErrors([...accepted, ...candidates]).length === 0) {
      return [...accepted, ...candidates];
    }
    if (candidates.length === 1) return accepted;
    const middle = candidates.length >> 1;
    const first = this.split(accepted, candidates.slice(0, middle));
    return this.split(first, candidates.slice(middle));
  }

  /** The errors that changing sites brings: `{code, line, at}`, `at` in the old text. */
  newErrors(sites) {
    if (sites.length === 0) return [];
    this.checks += 1;
    const replacements = sites.flatMap((site) => site.replacements);
    const after = replace(this.text, replacements);
    const found = missingErrors(errorsByPlace(after), errorsByPlace(this.text));
    if (gaveUp(found.map(({ diagnostic }) => diagnostic))) {
      throw tooComplex("without its annotations the checker gives its types up as too deep");
    }
    return found.map(({ diagnostic }) => {
      const at = diagnostic.start ?? 0;
      const lineStart = after.lastIndexOf("\n", at) + 1;
      const end = at + (diagnostic.length ?? 0);
      const lineEnd = after.indexOf("\n", end);
      return {
        code: diagnostic.code,
        line: after.slice(lineStart, lineEnd < 0 ? after.length : lineEnd).slice(0, 2000),
        at: placeBefore(at, replacements),
      };
    });
  }
}

/** The place in the old text of a place in the new one. */
function placeBefore(at, replacements) {
  let place = at;
  for (const { start, end, text } of [...replacements].sort((a, b) => a.start - b.start)) {
    if (start >= place) break;
    place += end - start - text.length;
  }
  return place;
}

function blamedSites(errors, sites) {
  const places = new Set(errors.filter(({ code }) => IMPLICIT_ANY.has(code)).map(({ at }) => at));
  return new Set(sites.filter((site) => site.starts.some((start) => places.has(start))));
}

function suspicion(errors) {
  const identifier = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;
  const words = new Set(errors.flatMap(({ line }) => line.match(identifier)));
  return ({ name }) => name === undefined || words.has(name);
}

function deletions(text, gold) {
  return annotated(text, gold)
    .filter(isDeletable)
    .map((node) => {
      const colon = node.type.pos - 1;
      const spaces = /[ \t]*$/.exec(text.slice(Math.max(0, colon - 200), colon))[0].length;
      return site(node, { start: colon - spaces, end: node.type.end, text: "" });
    });
}

function masks(text, gold) {
  return annotated(text, gold)
    .filter(({ type }) => type.kind !== ts.SyntaxKind.AnyKeyword)
    .map((node) => site(node, { start: node.type.getStart(), end: node.type.end, text: "any" }));
}

function site(node, replacement) {
  const old = node.type.getText();
  return {
    name: node.name && ts.isIdentifier(node.name) ? node.name.text : undefined,
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
  const found = [];
  const visit = (node) => {
    const has = node.type && isAnnotated(node);
    if (has && node.type.getStart() !== gold.start) found.push(node);
    ts.forEachChild(node, (child) => {
      if (!has || child !== node.type) visit(child);
    });
  };
  visit(parse(text));
  return found;
}

function isAnnotated(node) {
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
