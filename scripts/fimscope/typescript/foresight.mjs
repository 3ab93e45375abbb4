// The errors of many texts, found together before each of them is asked for.

import ts from "typescript";

import { NativeFailure, OWN_NAME, TOGETHER } from "./native.mjs";
import { expectNames, findErrors, hasErrorsOf, parseBearable } from "./program.mjs";

/**
 * Find the errors of texts that are about to be asked for, in half of the time. Errors are the same
 * whether texts are foreseen or not; a text that fails is left to whoever asks for it.
 */
export function foresee({ texts }) {
  const modules = texts.filter((text) => !hasErrorsOf(text) && isModuleAlone(text));
  if (modules.length < 2) return null;
  for (let start = 0; start < modules.length; start += TOGETHER) {
    try {
      findErrors(modules.slice(start, start + TOGETHER));
    } catch (error) {
      if (!(error instanceof NativeFailure)) throw error;
      error.failed?.close();
    }
  }
  return null;
}

/** The request `foresee`: of texts that are about to be proven, errors and names. */
export function foreseeAll({ texts }) {
  expectNames(texts.filter(isModuleAlone));
  return foresee({ texts });
}

/**
 * What each of several generators makes, as `{value}` or `{error}`. One that is about to ask for
 * errors yields the texts, as many as it knows of; it goes on when those of all are found.
 */
export function makeInStep(works) {
  const rows = works.map((work) => ({ work, isDone: false }));
  const isOpen = ({ isDone }) => !isDone;
  try {
    for (let open = rows; open.length > 0; open = open.filter(isOpen)) {
      foresee({ texts: [...new Set(open.flatMap(advance))] });
    }
  } finally {
    for (const { work } of rows.filter(isOpen)) work.return();
  }
  return rows;
}

/** The texts that a row's work wants next; none where that has ended, as the row says then. */
function advance(row) {
  try {
    const { value, done } = row.work.next();
    if (!done) return value;
    Object.assign(row, { isDone: true, value });
  } catch (error) {
    Object.assign(row, { isDone: true, error });
  }
  return [];
}

// Nothing else lets a text add to the globals of its program, whatever errors it has: `global {`,
// `module "m"`, `as namespace`, each with comments between its words or without, and `/// <...>`.
const REACHING = new RegExp(
  [
    /\bglobal\s*(?:\{|\/[/*])/,
    /\b(?:module|namespace)\s*(?:["']|\/[/*])/,
    /\bas\s*(?:\bnamespace\b|\/[/*])/,
    /\/\/\//,
  ]
    .map(({ source }) => source)
    .join("|"),
);

/** Whether a text adds nothing to the globals of a program that it is part of, nor imports of it. */
export function isModuleAlone(text) {
  if (text.includes(OWN_NAME)) return false;
  if (!REACHING.test(text)) return true;
  const sourceFile = parseBearable(text);
  return (
    sourceFile?.parseDiagnostics.length === 0 &&
    !sourceFile.hasNoDefaultLib &&
    sourceFile.libReferenceDirectives.length === 0 &&
    sourceFile.typeReferenceDirectives.length === 0 &&
    sourceFile.referencedFiles.length === 0 &&
    !sourceFile.statements.some(reachesOut)
  );
}

function reachesOut(statement) {
  if (ts.isNamespaceExportDeclaration(statement)) return true;
  if (!ts.isModuleDeclaration(statement)) return false;
  const isAugmentation = (statement.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
  if (isAugmentation || ts.isStringLiteral(statement.name)) return true;
  return statement.body !== undefined && reachesOutInside(statement.body);
}

function reachesOutInside(body) {
  return ts.isModuleBlock(body) ? body.statements.some(reachesOut) : reachesOut(body);
}
