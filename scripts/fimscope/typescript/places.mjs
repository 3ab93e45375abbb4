// Where the name in front of a hole is declared, and where it is used.

import ts from "typescript";

import { namedSymbol } from "./edits/renaming.mjs";
import { locate } from "./holes.mjs";
import { typed } from "./program.mjs";

/**
 * The request `places`: `[{between, text, is_declaration}]` of each name outside the gold that
 * names what the hole's name names, in source order, with the text between it and the one before.
 *
 * The declaration is the hole's own name where that declares it; of a name that is only assigned
 * there, its first declaration in the program. A name that the program does not declare (a property
 * of something imported) has uses alone.
 */
export function places({ hole, before_name: beforeName }) {
  const text = hole.prefix + hole.gold + hole.suffix;
  let last = 0;
  return namesOf(hole, beforeName).map(({ start, end, isDeclaration }) => {
    const between = text.slice(last, start);
    last = end;
    return { between, text: text.slice(start, end), is_declaration: isDeclaration };
  });
}

/** `{start, end, isDeclaration}` of the names that `places` answers, in source order. */
export function namesOf(hole, beforeName) {
  const { text, annotation } = locate(hole);
  const gold = { start: hole.prefix.length, end: hole.prefix.length + hole.gold.length };
  const { checker, sourceFile } = typed(text);
  const at = beforeName.length;
  const own = declarationsOf(annotation.name, checker);
  const isSame = (declarations) => declarations.some((each) => own.includes(each));
  const found = [];
  const visit = (node) => {
    if (node.getStart() >= gold.start && node.end <= gold.end) return;
    const isOwnName = node.getStart() === at && node.end === annotation.name.end;
    const couldBe = isName(node) && node.text === annotation.name.text;
    if (isOwnName || (couldBe && isSame(declarationsOf(node, checker)))) found.push(node);
    if (!isOwnName) ts.forEachChild(node, visit);
  };
  visit(sourceFile);

  const declaresItself = own.length === 0 || own.some(({ name }) => name === annotation.name);
  const declared = declaresItself
    ? annotation.name
    : found.find((node) => own.some(({ name }) => name === node));
  return found.map((node) => {
    const quotes = ts.isStringLiteral(node) ? 1 : 0;
    return {
      start: node.getStart() + quotes,
      end: node.end - quotes,
      isDeclaration: node.getStart() === declared?.getStart(),
    };
  });
}

function isName(node) {
  return ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isStringLiteral(node);
}

/** The declarations of what a name names; of `{a}` those of the variable, not of the property. */
function declarationsOf(node, checker) {
  if (ts.isComputedPropertyName(node)) return [];
  const symbol = ts.isIdentifier(node)
    ? namedSymbol(node, checker)
    : checker.getSymbolAtLocation(node);
  return symbol?.declarations ?? [];
}
