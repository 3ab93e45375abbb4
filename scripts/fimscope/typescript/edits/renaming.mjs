// Which symbols of a program can have another name, and everything that must be rewritten for it.

import ts from "typescript";

import { RecentCache } from "../cache.mjs";
import { scoped } from "../program.mjs";
import { Refusal } from "../refusal.mjs";

const found = new RecentCache(8);

/**
 * The symbols of a family that can be renamed, in the order of their first use:
 * `{symbol, rank, old, isExported, uses: [{start, end, before}]}`. What stands `before` a new name
 * lets a shorthand property keep its own.
 *
 * family    `isDeclaration(node, isExported)`: whether a symbol declared there may be renamed; a
 *           key `name` tells the families apart
 * exported  names that the program exports are renamed too
 */
export function renamableSymbols(text, family, exported) {
  const key = `${family.name} ${exported}\n${text}`;
  return found.get(key, () => findSymbols(text, family, exported));
}

function findSymbols(text, family, exported) {
  const { sourceFile, checker } = scoped(text);
  const uses = new Map();
  const fixed = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      if (isMemberName(node)) return;
      const symbol = namedSymbol(node, checker);
      if (symbol === undefined || !isRenamable(symbol, node, family, exported)) return;
      if (isExportedAsIs(node)) fixed.add(symbol);
      if (!uses.has(symbol)) uses.set(symbol, []);
      uses.get(symbol).push({ start: node.getStart(), end: node.end, before: shorthand(node) });
      return;
    }
    if (isDynamicScope(node)) {
      throw new Refusal("edit_failed", "eval or with looks names up while the program runs");
    }
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  return [...uses]
    .filter(([symbol]) => !fixed.has(symbol))
    .map(([symbol, places], rank) => ({
      symbol,
      rank,
      old: symbol.name,
      isExported: symbol.declarations.some(isExport),
      uses: places,
    }));
}

/** Those that the gold does not mention: the answer stays what it was. */
export function withoutGold(symbols, gold) {
  const isInGold = ({ start, end }) => start >= gold.start && end <= gold.end;
  return symbols.filter(({ uses }) => !uses.some(isInGold));
}

/** The site of an edit that gives a symbol another name. */
export function renameSite({ old, uses, isExported }, name, kind) {
  return {
    renames: [
      { old, new: name, kind },
      ...(isExported ? [{ old, new: name, kind: "export" }] : []),
    ],
    replacements: uses.map(({ start, end, before }) => ({ start, end, text: before + name })),
  };
}

/** The symbol in a scope, not in an object, that an identifier names, where it could name one. */
export function namedSymbol(node, checker) {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent) && parent.name === node) {
    return checker.getShorthandAssignmentValueSymbol(parent);
  }
  if (ts.isExportSpecifier(parent)) {
    const isFirstName = (parent.propertyName ?? parent.name) === node;
    const isLocal = isFirstName && !parent.parent.parent.moduleSpecifier;
    return isLocal ? checker.getExportSpecifierLocalTargetSymbol(parent) : undefined;
  }
  const symbol = checker.getSymbolAtLocation(node);
  return symbol && checker.getExportSymbolOfSymbol(symbol);
}

function isRenamable(symbol, node, family, exported) {
  const { declarations } = symbol;
  if (!declarations?.length || node.text === "this" || node.text === "arguments") return false;
  // The identifier of a default export has the symbol `default`: its name is not its own.
  if (symbol.name !== node.text) return false;
  // `f.count = 1` counts as a declaration of f beside f's own.
  const isProperty = (declaration) => ts.isIdentifier(declaration);
  return (
    !declarations.every(isProperty) &&
    declarations.every(
      (each) => isProperty(each) || (family.isDeclaration(each) && isOwn(each, exported)),
    )
  );
}

/** Whether a declaration's name is the program's own affair. */
function isOwn(declaration, exported) {
  if (ts.isParameter(declaration) || ts.isTypeParameterDeclaration(declaration)) return true;
  if (isDestructuredParameter(declaration)) return true;
  const isAmbient =
    (declaration.flags & ts.NodeFlags.Ambient) !== 0 ||
    (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Ambient) !== 0;
  return !isAmbient && (!isExport(declaration) || (exported && !isInNamespace(declaration)));
}

function isExport(declaration) {
  return (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Export) !== 0;
}

function isInNamespace(declaration) {
  return ts.findAncestor(declaration, ts.isModuleDeclaration) !== undefined;
}

export function isDestructuredParameter(declaration) {
  return (
    ts.isBindingElement(declaration) &&
    ts.isParameter(ts.walkUpBindingElementsAndPatterns(declaration))
  );
}

/** A name that is looked up in an object, not in a scope. */
function isMemberName(node) {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isQualifiedName(parent) && parent.right === node) ||
    (ts.isBindingElement(parent) && parent.propertyName === node) ||
    (ts.isPropertyAssignment(parent) && parent.name === node)
  );
}

/** `export {a}`: the name is the export's too. */
function isExportedAsIs(node) {
  return ts.isExportSpecifier(node.parent) && node.parent.propertyName === undefined;
}

/** What must stand in front of a new name so that a shorthand property keeps its own. */
function shorthand(node) {
  const { parent } = node;
  const isShorthand =
    (ts.isShorthandPropertyAssignment(parent) && parent.name === node) ||
    (ts.isBindingElement(parent) &&
      ts.isObjectBindingPattern(parent.parent) &&
      parent.name === node &&
      parent.propertyName === undefined &&
      parent.dotDotDotToken === undefined);
  return isShorthand ? `${node.getText()}: ` : "";
}

function isDynamicScope(node) {
  return (
    ts.isWithStatement(node) ||
    (ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "eval")
  );
}
