// The edit `rename_vars`: every local variable, parameter and function gets a meaningless name.

import ts from "typescript";

import { RecentCache } from "../cache.mjs";
import { typed } from "../program.mjs";
import { Refusal } from "../refusal.mjs";
import { freshNames } from "./names.mjs";

const plans = new RecentCache(8);

/**
 * The replacements of the edit in a program's text, and the renames that they carry out.
 *
 * A symbol that the gold mentions keeps its name: the answer stays what it was. All others have
 * the same new names whatever hole is cut.
 */
export function renameVars(text, gold, seed) {
  const plan = plans.get(`${seed}\n${text}`, () => planRenames(text, seed));
  const renamed = plan.filter(
    ({ uses }) => !uses.some(({ start, end }) => start >= gold.start && end <= gold.end),
  );
  return {
    replacements: renamed.flatMap(({ uses, name }) =>
      uses.map(({ start, end, before, after }) => ({ start, end, text: before + name + after })),
    ),
    renames: renamed.map(({ old, name, kind }) => ({ old, new: name, kind })),
  };
}

/** One entry per symbol to rename, in the order of their first use: its names and all its uses. */
function planRenames(text, seed) {
  const { sourceFile, checker } = typed(text);
  const uses = new Map();
  const fixed = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const symbol = variableSymbol(node, checker);
      if (symbol === undefined) return;
      if (!isRenamable(symbol, node)) return;
      if (isMemberName(node)) fixed.add(symbol);
      if (isExportedAsIs(node)) fixed.add(symbol);
      if (!uses.has(symbol)) uses.set(symbol, []);
      uses.get(symbol).push({ start: node.getStart(), end: node.end, ...spelling(node) });
      return;
    }
    if (isDynamicScope(node)) {
      throw new Refusal("edit_failed", "eval or with looks names up while the program runs");
    }
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);

  const names = freshNames(text, seed);
  const shared = new Map();
  const plan = [];
  for (const [symbol, places] of uses) {
    if (fixed.has(symbol)) continue;
    const key = overloadKey(symbol);
    const name = (key && shared.get(key)) ?? names.next().value;
    if (key) shared.set(key, name);
    plan.push({ old: symbol.name, name, kind: kindOf(symbol), uses: places });
  }
  return plan;
}

/** The symbol of the variable that an identifier names, where it could name one. */
function variableSymbol(node, checker) {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent) && parent.name === node) {
    return checker.getShorthandAssignmentValueSymbol(parent);
  }
  if (ts.isExportSpecifier(parent)) {
    const isFirstName = (parent.propertyName ?? parent.name) === node;
    const isLocal = isFirstName && !parent.parent.parent.moduleSpecifier;
    return isLocal ? checker.getExportSpecifierLocalTargetSymbol(parent) : undefined;
  }
  return checker.getSymbolAtLocation(node);
}

function isRenamable(symbol, node) {
  const { declarations } = symbol;
  if (!declarations?.length || node.text === "this" || node.text === "arguments") return false;
  // The identifier of a default export has the symbol `default`: its name is not its own.
  if (symbol.name !== node.text) return false;
  // `f.count = 1` counts as a declaration of f beside f's own.
  const isProperty = (declaration) => ts.isIdentifier(declaration);
  return (
    !declarations.every(isProperty) &&
    declarations.every((each) => isProperty(each) || isRenamableDeclaration(each))
  );
}

function isRenamableDeclaration(declaration) {
  if (ts.isParameter(declaration)) {
    return !ts.isParameterPropertyDeclaration(declaration, declaration.parent);
  }
  if (isDestructuredParameter(declaration)) {
    // In a signature without a body `{a: b}` would name the type b.
    return ts.walkUpBindingElementsAndPatterns(declaration).parent.body !== undefined;
  }
  const isVariable = ts.isVariableDeclaration(declaration) || ts.isBindingElement(declaration);
  const isFunction = ts.isFunctionDeclaration(declaration) || ts.isFunctionExpression(declaration);
  if (!isVariable && !isFunction) return false;
  const isAmbient = (declaration.flags & ts.NodeFlags.Ambient) !== 0;
  const modifiers = ts.getCombinedModifierFlags(declaration);
  return !isAmbient && (modifiers & (ts.ModifierFlags.Export | ts.ModifierFlags.Ambient)) === 0;
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

/** What must stand around a new name so that a shorthand property keeps its own. */
function spelling(node) {
  const { parent } = node;
  const isShorthand =
    (ts.isShorthandPropertyAssignment(parent) && parent.name === node) ||
    (ts.isBindingElement(parent) &&
      ts.isObjectBindingPattern(parent.parent) &&
      parent.name === node &&
      parent.propertyName === undefined &&
      parent.dotDotDotToken === undefined);
  return { before: isShorthand ? `${node.getText()}: ` : "", after: "" };
}

/** Parameters of one name in the signatures of one overloaded function share their new name. */
function overloadKey(symbol) {
  const [declaration] = symbol.declarations;
  if (!ts.isParameter(declaration)) return undefined;
  const owner = declaration.parent;
  const overloaded = owner.symbol?.declarations;
  if (!overloaded || overloaded.length < 2) return undefined;
  return `${ts.getSymbolId(owner.symbol)} ${symbol.name}`;
}

function kindOf(symbol) {
  const [declaration] = symbol.declarations;
  if (ts.isParameter(declaration)) return "parameter";
  if (ts.isBindingElement(declaration)) {
    return isDestructuredParameter(declaration) ? "parameter" : "variable";
  }
  return ts.isVariableDeclaration(declaration) ? "variable" : "function";
}

function isDestructuredParameter(declaration) {
  return (
    ts.isBindingElement(declaration) &&
    ts.isParameter(ts.walkUpBindingElementsAndPatterns(declaration))
  );
}

function isDynamicScope(node) {
  return (
    ts.isWithStatement(node) ||
    (ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "eval")
  );
}
