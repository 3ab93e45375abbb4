// The types that a program writes: neither its errors nor its JavaScript need tell them apart.

import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { parse, scoped } from "./program.mjs";

// The variants of one program share its original.
const originals = new RecentCache(4);

/**
 * What sets the types written in two texts apart beside consistent new names, or undefined.
 *
 * Every name in a type must refer to the declaration of the same rank, or, where the program
 * declares none, be the same; an alias that was added counts as what it stands for; all else in a
 * type must be equal. Annotations of parameters, variables, properties and returns may be gone or
 * be `any`: exactly as many as were declared to be.
 *
 * aliases       name -> the declaration in the second text of an alias that the edit has added
 * nAnnotations  how many annotations the edit has deleted or masked
 * exports       old name -> new name of the exports that the edit has renamed
 */
export function differenceOfTypes(before, after, aliases, nAnnotations, exports) {
  const was = originals.get(JSON.stringify([before, ...exports]), () =>
    writtenTypes(before, new Map(), exports),
  );
  const is = writtenTypes(after, aliases, new Map());
  const rest = differenceOfTokens(was.rest, is.rest);
  if (rest) return rest;
  if (was.slots.length !== is.slots.length) return "another number of annotated declarations";
  let changed = 0;
  for (const [index, slot] of was.slots.entries()) {
    const found = differenceOfTokens(slot, is.slots[index]);
    if (!found) continue;
    const isGone = is.slots[index].length === 0;
    const isAny = is.slots[index].length === 1 && is.slots[index][0].name === "any";
    if (nAnnotations === 0 || slot.length === 0 || !(isGone || isAny)) return found;
    changed += 1;
  }
  return changed === nAnnotations
    ? undefined
    : `${nAnnotations} annotations are said to have changed, ${changed} have`;
}

function differenceOfTokens(was, is) {
  for (let index = 0; index < Math.max(was.length, is.length); index += 1) {
    const [mine, its] = [was[index], is[index]];
    if (mine?.target !== its?.target) {
      return `another type is written: ${mine?.name ?? "none"}, then ${its?.name ?? "none"}`;
    }
  }
  return undefined;
}

/**
 * In source order the tokens of the types of a text, each `{name, target}`, with a pair of tokens
 * around the parts of one: `slots` has those of each annotation, empty where there is none, `rest`
 * those of all other types, of modifiers, and of the marks `?` and `!`. A target is the rank of the
 * declaration that a name refers to, or the token itself.
 */
function writtenTypes(text, aliases, exports) {
  const added = new Set(aliases.values());
  const slots = [];
  const rest = [];
  const ranks = new Map();
  // Ranks of the declarations inside an annotation count from its start: it may be gone.
  const visit = (node, place) => {
    if (added.has(node)) return;
    if (DECLARATIONS.has(node.kind)) {
      ranks.set(node, `${place.slot ? "inner " : ""}#${place.rank}`);
      place.rank += 1;
    }
    if (node.isTypeOnly) place.tokens.push("type");
    if (isExport(node)) {
      place.tokens.push(`export ${exports.get(node.name.text) ?? node.name.text}`);
    }
    if (ts.isImportSpecifier(node) || ts.isExportSpecifier(node)) {
      place.tokens.push(...namesOfSpecifier(node));
      return;
    }
    if (!place.slot && isAnnotated(node)) {
      ts.forEachChild(node, (child) => {
        if (child !== node.type) visit(child, place);
      });
      const slot = [];
      slots.push(slot);
      if (node.type) visit(node.type, { tokens: slot, isType: true, slot, rank: 0 });
      return;
    }
    const wasType = place.isType;
    place.isType = wasType ? !ts.isComputedPropertyName(node) : startsType(node);
    if (isSuperclass(node)) {
      // What a class extends is an expression: it is the JavaScript's affair.
      place.isType = false;
      visit(node.expression, place);
      place.isType = true;
      node.typeArguments?.forEach((type) => visit(type, place));
      place.isType = wasType;
      return;
    }
    if (isAliased(node, aliases)) {
      place.tokens.push(node.typeName);
    } else if (ts.forEachChild(node, () => true)) {
      const isTold = place.isType || ts.isNonNullExpression(node);
      if (isTold) place.tokens.push(`<${ts.SyntaxKind[node.kind]}>`);
      ts.forEachChild(node, (child) => visit(child, place));
      if (isTold) place.tokens.push("</>");
    } else if (place.isType || isTypeMark(node)) {
      place.tokens.push(node);
    }
    place.isType = wasType;
  };
  visit(parse(text), { tokens: rest, isType: false, slot: undefined, rank: 0 });

  let checker;
  const resolve = (node) => {
    if (typeof node === "string") return { name: node, target: node };
    if (!ts.isIdentifier(node)) return token(node);
    checker ??= scoped(text).checker;
    const declaration = symbolOf(node, checker)?.declarations?.[0];
    if (added.has(declaration)) return aliased(declaration);
    return { name: node.text, target: ranks.get(declaration) ?? node.text };
  };
  return { slots: slots.map((tokens) => tokens.map(resolve)), rest: rest.map(resolve) };
}

/** A declaration that its own name exports. */
function isExport(node) {
  const isIt = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  return isIt === true && node.name !== undefined && ts.isIdentifier(node.name);
}

/** The name by which another module knows it, and the program's own. */
function namesOfSpecifier(node) {
  const [theirs, own] = ts.isImportSpecifier(node)
    ? [node.propertyName ?? node.name, node.name]
    : [node.name, node.propertyName ?? node.name];
  return [theirs.text, own];
}

/** The symbol that a name refers to; of `export {a as b}` the program's own a. */
function symbolOf(node, checker) {
  if (!ts.isExportSpecifier(node.parent)) return checker.getSymbolAtLocation(node);
  const isLocal = !node.parent.parent.parent.moduleSpecifier;
  return isLocal ? checker.getExportSpecifierLocalTargetSymbol(node.parent) : undefined;
}

function token(node) {
  const name = node.getText();
  return { name, target: name || ts.SyntaxKind[node.kind] };
}

/** The token of the type that an added alias stands for. */
function aliased({ type }) {
  return token(ts.isTypeReferenceNode(type) ? type.typeName : type);
}

function isAnnotated(node) {
  return (
    ts.isParameter(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isIndexSignatureDeclaration(node) ||
    ts.isCallSignatureDeclaration(node) ||
    ts.isConstructSignatureDeclaration(node) ||
    ts.isMethodSignature(node) ||
    (ts.isFunctionLike(node) && !ts.isTypeNode(node))
  );
}

function startsType(node) {
  return (
    ts.isTypeNode(node) ||
    ts.isTypeParameterDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    // The JavaScript has no import or export of a type.
    ts.isImportDeclaration(node) ||
    ts.isImportEqualsDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    (ts.isModuleDeclaration(node.parent ?? node) && node.parent?.name === node)
  );
}

function isSuperclass(node) {
  return (
    ts.isExpressionWithTypeArguments(node) &&
    node.parent.token === ts.SyntaxKind.ExtendsKeyword &&
    !ts.isInterfaceDeclaration(node.parent.parent)
  );
}

/** A keyword that an added alias stands for: it has no structure of its own. */
function isAliased(node, aliases) {
  if (!ts.isTypeReferenceNode(node) || node.typeArguments) return false;
  const alias = aliases.get(node.typeName.getText());
  return alias !== undefined && !ts.isTypeReferenceNode(alias.type);
}

/** Modifiers, and the marks `?` and `!`, of which the JavaScript keeps few. */
function isTypeMark(node) {
  return (
    ts.isModifier(node) ||
    node.kind === ts.SyntaxKind.QuestionToken ||
    node.kind === ts.SyntaxKind.ExclamationToken
  );
}

const DECLARATIONS = new Set([
  ts.SyntaxKind.VariableDeclaration,
  ts.SyntaxKind.BindingElement,
  ts.SyntaxKind.Parameter,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.FunctionExpression,
  ts.SyntaxKind.InterfaceDeclaration,
  ts.SyntaxKind.TypeAliasDeclaration,
  ts.SyntaxKind.ClassDeclaration,
  ts.SyntaxKind.ClassExpression,
  ts.SyntaxKind.EnumDeclaration,
  ts.SyntaxKind.TypeParameter,
  ts.SyntaxKind.ImportSpecifier,
  ts.SyntaxKind.ImportClause,
  ts.SyntaxKind.NamespaceImport,
  ts.SyntaxKind.ImportEqualsDeclaration,
]);
