// Which symbols of a program can have another name, and everything that must be rewritten for it.

import ts from "typescript";

import { RecentCache } from "../cache.mjs";
import { looksNamesUp } from "../dynamic_scope.mjs";
import { nodesOf } from "../nodes.mjs";
import { scoped } from "../program.mjs";
import { Refusal } from "../refusal.mjs";
import { mentionsOf } from "./mentions.mjs";

const found = new RecentCache(8);

/**
 * The symbols of a family that can be renamed, in the order of their first use:
 * `{symbol, rank, old, isExported, uses: [{start, end, before, after}], mentions: [{start, end}]}`.
 * What stands `before` and `after` a new name lets a shorthand property or export keep its own;
 * mentions are in comments.
 *
 * family    `isDeclaration(node)`: whether a symbol declared there may be renamed; `meaning`, the
 *           flags by which a name is looked up; a key `name` tells the families apart
 * exported  names that the program exports are renamed too
 */
export function renamableSymbols(text, family, exported) {
  const key = `${family.name} ${exported}\n${text}`;
  return found.get(key, () => findSymbols(text, family, exported));
}

function findSymbols(text, family, exported) {
  const { sourceFile, checker } = scoped(text);
  if (looksNamesUp(sourceFile)) {
    throw new Refusal("edit_failed", "eval or with looks names up while the program runs");
  }
  const nodes = nodesOf(sourceFile);
  // The checker is asked of no other name.
  const declared = new Set(
    nodes.filter((node) => node.name && family.isDeclaration(node)).map(({ name }) => name.text),
  );
  const uses = new Map();
  const ambiguous = new Set();
  for (const node of nodes) {
    if (!ts.isIdentifier(node) || !declared.has(node.text) || isMemberName(node)) continue;
    const symbol = namedSymbol(node, checker);
    if (symbol === undefined || !isRenamable(symbol, node, family, exported)) continue;
    if (isMistaken(node, symbol)) ambiguous.add(symbol.name);
    if (!uses.has(symbol)) uses.set(symbol, []);
    uses.get(symbol).push({ start: node.getStart(sourceFile), end: node.end, ...namesKept(node) });
  }
  for (const symbol of uses.keys()) if (ambiguous.has(symbol.name)) uses.delete(symbol);
  const mentions = mentionsOf(text, new Set(uses.keys()), family.meaning);
  return [...uses].map(([symbol, places], rank) => ({
    symbol,
    rank,
    old: symbol.name,
    isExported: symbol.declarations.some(isExport),
    uses: places,
    mentions: mentions.get(symbol) ?? [],
  }));
}

/** Those that the gold does not mention in its code: the answer stays what it was. */
export function withoutGold(symbols, gold) {
  const isInGold = ({ start, end }) => start >= gold.start && end <= gold.end;
  return symbols
    .filter(({ uses }) => !uses.some(isInGold))
    .map((each) => ({ ...each, mentions: each.mentions.filter((place) => !isInGold(place)) }));
}

/** The site of an edit that gives a symbol another name. */
export function renameSite({ old, uses, mentions, isExported }, name, kind) {
  return {
    renames: [
      { old, new: name, kind },
      ...(isExported ? [{ old, new: name, kind: "export" }] : []),
    ],
    replacements: [
      ...uses.map(({ start, end, before, after }) => ({ start, end, text: before + name + after })),
      ...mentions.map((place) => ({ ...place, text: name })),
    ],
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

/** In a parameter's default the compiler takes a name for a function of the body, wrongly. */
function isMistaken(node, symbol) {
  if ((symbol.flags & ts.SymbolFlags.Function) === 0) return false;
  const [{ pos, end }] = symbol.declarations;
  const isInBody = ({ parent: { body } }) => body && pos >= body.pos && end <= body.end;
  return ts.findAncestor(node, (each) => ts.isParameter(each) && isInBody(each)) !== undefined;
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
  if (ts.isParameter(declaration) || isDestructuredParameter(declaration)) return true;
  if (ts.isTypeParameterDeclaration(declaration)) return !isOfAugmentation(declaration.parent);
  const isAmbient =
    (declaration.flags & ts.NodeFlags.Ambient) !== 0 ||
    (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Ambient) !== 0;
  return !isAmbient && (!isExport(declaration) || (exported && !isInNamespace(declaration)));
}

/** A type that other files declare too: its type parameters must be called alike in all. */
function isOfAugmentation(node) {
  const isAugmentation = (each) =>
    ts.isModuleDeclaration(each) &&
    (ts.isStringLiteral(each.name) || (each.flags & ts.NodeFlags.GlobalAugmentation) !== 0);
  return (
    (ts.isInterfaceDeclaration(node) || ts.isClassLike(node)) &&
    ts.findAncestor(node, isAugmentation) !== undefined
  );
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
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    // `new.target`
    ts.isMetaProperty(parent)
  );
}

/** What must stand around a new name so that a shorthand property or export keeps its own. */
function namesKept(node) {
  const { parent } = node;
  const isShorthand = parent.name === node && parent.propertyName === undefined;
  if (isShorthand && ts.isExportSpecifier(parent)) {
    return { before: "", after: ` as ${node.getText()}` };
  }
  if (isShorthand && ts.isShorthandPropertyAssignment(parent)) {
    // `{ __proto__: x }` would set the prototype.
    const name = node.text === "__proto__" ? '["__proto__"]' : node.getText();
    return { before: `${name}: `, after: "" };
  }
  const isBinding =
    isShorthand &&
    ts.isBindingElement(parent) &&
    ts.isObjectBindingPattern(parent.parent) &&
    parent.dotDotDotToken === undefined;
  return { before: isBinding ? `${node.getText()}: ` : "", after: "" };
}
