// The whole text of a program as tokens: neither its errors nor its JavaScript need tell all apart.

import ts from "typescript";

import { isAnnotated } from "./annotated.mjs";
import { RecentCache } from "./cache.mjs";
import { commentsBetween, hashbangOf, withoutComments } from "./comments.mjs";
import { ROOT, inSourceOrder, nodeAt } from "./nodes.mjs";
import { parse, scoped } from "./program.mjs";

// The variants of one program share its original.
const originals = new RecentCache(4);

/**
 * What sets two texts apart beside what an edit has declared, or undefined.
 *
 * Everything counts but white space and the semicolons that end a statement or a member. A name
 * that the program declares, and may give another, must refer to the declaration of the same rank
 * and be the same or a declared new one; any other name, every literal, keyword and mark must be
 * equal. An alias that was added counts as
 * what it stands for. Annotations of parameters, variables, properties and returns may be gone or
 * be `any`: exactly as many as were declared to be.
 *
 * aliases       name -> the declaration in the second text of an alias that the edit has added
 * nAnnotations  how many annotations the edit has deleted or masked
 * exports       old name -> new name of the exports that the edit has renamed
 * isFixed       no name may change
 * isRenamed     `(old, new)`: whether a name, or a word of a comment, may have become another
 * gone          the texts of the comments that the edit has taken out
 */
export function differenceOfTokens(before, after, edit) {
  const { aliases, nAnnotations, exports, isFixed, isRenamed, gone } = edit;
  const was = originals.get(JSON.stringify([before, isFixed, ...exports]), () =>
    readTokens(before, new Map(), exports, isFixed),
  );
  const is = readTokens(after, aliases, new Map(), isFixed);
  const rest = differenceOf(was.rest, is.rest, isRenamed);
  if (rest) return rest;
  if (was.slots.length !== is.slots.length) return "another number of annotated declarations";
  const kept = [[was.rest, is.rest]];
  let nChanged = 0;
  for (const [index, slot] of was.slots.entries()) {
    const found = differenceOf(slot, is.slots[index], isRenamed);
    if (!found) {
      kept.push([slot, is.slots[index]]);
      continue;
    }
    const now = is.slots[index].tokens;
    const isGone = now.length === 0 || (now.length === 1 && now[0] === "any");
    if (nAnnotations === 0 || slot.tokens.length === 0 || !isGone) return found;
    nChanged += 1;
  }
  if (nChanged !== nAnnotations) {
    return `${nAnnotations} annotations are said to have changed, ${nChanged} have`;
  }
  const left = countOf(gone);
  for (const [mine, its] of kept) {
    const found = differenceOfComments(mine.comments, its.comments, isRenamed, left);
    if (found) return found;
  }
  return undefined;
}

function differenceOf(was, is, isRenamed) {
  for (let index = 0; index < Math.max(was.tokens.length, is.tokens.length); index += 1) {
    const mine = was.tokens[index];
    const its = is.tokens[index];
    const isSame =
      mine === its ||
      (mine?.target !== undefined &&
        mine.target === its?.target &&
        (mine.name === its.name || isRenamed(mine.name, its.name)));
    if (!isSame) return `other text: ${spelled(mine)}, then ${spelled(its)}`;
  }
  return undefined;
}

function spelled(token = "none") {
  return token.name ?? token;
}

/** Comments may lack those that are `left` to go, which it takes off; others must be the same. */
function differenceOfComments(was, is, isRenamed, left) {
  let next = 0;
  for (const comment of was) {
    if (next < is.length && isSameComment(comment, is[next], isRenamed)) {
      next += 1;
    } else if (left.get(comment) > 0) {
      left.set(comment, left.get(comment) - 1);
    } else {
      return `another comment: ${comment}, then ${is[next] ?? "none"}`;
    }
  }
  return next < is.length ? `a comment that was not there: ${is[next]}` : undefined;
}

function isSameComment(was, is, isRenamed) {
  if (was === is) return true;
  const [mine, its] = [was, is].map((comment) => comment.split(WORD));
  return (
    mine.length === its.length &&
    mine.every((part, index) => part === its[index] || isRenamed(part, its[index]))
  );
}

const WORD = /([\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)/u;

function countOf(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/**
 * `{rest, slots}`, each `{tokens, comments}` in source order: `slots` has those of each annotation,
 * empty where there is none, `rest` all others. A token is its text, with a pair around the parts of
 * a node, or `{name, target}`: a name, and the rank of the declaration that it refers to.
 */
function readTokens(text, aliases, exports, isFixed) {
  const sourceFile = parse(text);
  const added = new Set(aliases.values());
  const declared = new Set(aliases.keys()); // no other name refers to a declaration of the text
  const slots = [];
  const rest = { tokens: [hashbangOf(text)], comments: [] };
  const ranks = new Map();

  // The ranks of the declarations inside an annotation count from its start: it may be gone.
  const visit = (index, place) => {
    const node = nodeAt(sourceFile, index);
    if (added.has(node)) {
      addComments(node.pos, node.getStart(), place);
      return;
    }
    const { tokens } = place.part;
    if (ts.isTokenKind(node.kind)) {
      const start = node.getStart(sourceFile);
      addComments(node.pos, start, place);
      if (ts.isIdentifier(node)) tokens.push(...written(node));
      else tokens.push(text.slice(start, node.end));
      return;
    }
    if (standsForKeyword(node, aliases)) {
      visit(index + 1, place);
      return;
    }
    if (DECLARATIONS.has(node.kind)) {
      ranks.set(node, `${place.isSlot ? "inner " : ""}#${place.rank}`);
      if (node.name && ts.isIdentifier(node.name)) declared.add(node.name.text);
      place.rank += 1;
      if (isFixedName(node)) tokens.push(`fixed ${nameOutside(node, exports)}`);
    }
    let slot;
    if (!place.isSlot && isAnnotated(node)) {
      slot = { tokens: [], comments: [] };
      slots.push(slot);
    }
    tokens.push(OPENING[node.kind]);
    let gap = "";
    let at = node.pos;
    for (const each of inSourceOrder(sourceFile, index)) {
      const child = nodeAt(sourceFile, each);
      gap += between(at, child.pos, place);
      at = child.end;
      if (slot && child === node.type) {
        gap = gap.replace(/:$/, "");
        visit(each, { part: slot, isSlot: true, rank: 0 });
        continue;
      }
      if (gap) tokens.push(gap);
      gap = "";
      visit(each, place);
    }
    gap += between(at, node.end, place);
    if (gap) tokens.push(gap);
    if (ts.isShorthandPropertyAssignment(node) && node.objectAssignmentInitializer) {
      tokens.push("</>");
    }
    tokens.push("</>");
  };
  const between = (start, end, place) => {
    if (start === end) return "";
    const gap = text.slice(start, end);
    if (start > 0 && !gap.includes("/")) return gap.replace(/[\s;]+/g, "");
    addComments(start, end, place);
    return withoutComments(text, start, end).replaceAll(";", "");
  };
  const addComments = (start, end, { part }) => {
    for (const comment of commentsBetween(text, start, end)) {
      part.comments.push(text.slice(comment.start, comment.end));
    }
  };
  visit(ROOT, { part: rest, isSlot: false, rank: 0 });

  const { checker } = scoped(text);
  const resolve = (token) => {
    if (typeof token === "string") return token;
    const name = token.text;
    if (name === "this" || !declared.has(name) || isMemberName(token)) return name;
    const declaration = symbolOf(token, checker)?.declarations?.[0];
    if (added.has(declaration)) return standing(declaration);
    const target = isFixed ? undefined : ranks.get(declaration);
    return target === undefined ? name : { name, target };
  };
  const resolved = ({ tokens, comments }) => ({ tokens: tokens.map(resolve), comments });
  return { rest: resolved(rest), slots: slots.map(resolved) };
}

// By the kind of a node, the token that stands in front of its parts.
const OPENING = Array.from({ length: ts.SyntaxKind.Count }, (_, kind) => `<${ts.SyntaxKind[kind]}>`);
// A shorthand property counts as one written out.
OPENING[ts.SyntaxKind.ShorthandPropertyAssignment] = OPENING[ts.SyntaxKind.PropertyAssignment];

/** The tokens that an identifier stands for: one of shorthand is a name in an object or a module too. */
function written(node) {
  const { parent } = node;
  if (parent.name !== node) return [node];
  if (ts.isShorthandPropertyAssignment(parent)) {
    const value = parent.objectAssignmentInitializer ? ["<BinaryExpression>", node] : [node];
    // `{ __proto__: x }` would set the prototype.
    const isProto = node.text === "__proto__";
    const name = isProto ? ["<ComputedPropertyName>", "[", '"__proto__"', "]", "</>"] : [node.text];
    return [...name, ":", ...value];
  }
  if (parent.propertyName !== undefined) return [node];
  if (isShorthandBinding(parent)) return [node.text, ":", node];
  if (ts.isImportSpecifier(parent)) return [node.text, "as", node];
  if (ts.isExportSpecifier(parent)) return [node, "as", node.text];
  return [node];
}

function isShorthandBinding(node) {
  return (
    ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent) && !node.dotDotDotToken
  );
}

/** Whether a declaration's name is known outside the scope in which it can be looked up. */
function isFixedName(node) {
  if (!node.name || !ts.isIdentifier(node.name)) return false;
  if (ts.isParameter(node)) return ts.isParameterPropertyDeclaration(node, node.parent);
  if (ts.isTypeParameterDeclaration(node)) return isOfAugmentation(node);
  if (ts.isBindingElement(node) && isOfParameter(node)) return false;
  return isAmbient(node) || hasFlag(node, ts.ModifierFlags.Export);
}

/** The type parameters of a type that other files declare too must be called alike in all. */
function isOfAugmentation({ parent }) {
  const isType = ts.isInterfaceDeclaration(parent) || ts.isClassLike(parent);
  const isOpen = (node) =>
    ts.isModuleDeclaration(node) &&
    (ts.isStringLiteral(node.name) || (node.flags & ts.NodeFlags.GlobalAugmentation) !== 0);
  return isType && ts.findAncestor(parent, isOpen) !== undefined;
}

function isOfParameter(node) {
  return ts.isParameter(ts.walkUpBindingElementsAndPatterns(node));
}

function isAmbient(node) {
  return (node.flags & ts.NodeFlags.Ambient) !== 0 || hasFlag(node, ts.ModifierFlags.Ambient);
}

function hasFlag(node, flag) {
  return (ts.getCombinedModifierFlags(node) & flag) !== 0;
}

/** The name of a declaration outside its scope, after the renames of exports. */
function nameOutside(node, exports) {
  const name = node.name.text;
  const isOfModule =
    hasFlag(node, ts.ModifierFlags.Export) && !ts.findAncestor(node, ts.isModuleDeclaration);
  return isOfModule ? (exports.get(name) ?? name) : name;
}

/** A name that is looked up in an object, a module or among labels. */
function isMemberName(node) {
  const { parent } = node;
  if (!HOLDERS.has(parent.kind)) return false;
  if (parent.propertyName === node) return !ts.isExportSpecifier(parent) || isOfOther(parent);
  if (parent.label === node || parent.right === node) return true;
  if (parent.name !== node) return false;
  if (ts.isExportSpecifier(parent)) return parent.propertyName !== undefined || isOfOther(parent);
  return !ts.isBindingElement(parent) && !ts.isImportSpecifier(parent);
}

// The nodes in which a name may be such a one.
const HOLDERS = new Set([
  ts.SyntaxKind.PropertyAccessExpression,
  ts.SyntaxKind.QualifiedName,
  ts.SyntaxKind.MetaProperty,
  ts.SyntaxKind.PropertyAssignment,
  ts.SyntaxKind.BindingElement,
  ts.SyntaxKind.PropertyDeclaration,
  ts.SyntaxKind.PropertySignature,
  ts.SyntaxKind.MethodDeclaration,
  ts.SyntaxKind.MethodSignature,
  ts.SyntaxKind.GetAccessor,
  ts.SyntaxKind.SetAccessor,
  ts.SyntaxKind.EnumMember,
  ts.SyntaxKind.NamedTupleMember,
  ts.SyntaxKind.ModuleDeclaration,
  ts.SyntaxKind.NamespaceExport,
  ts.SyntaxKind.ImportSpecifier,
  ts.SyntaxKind.ExportSpecifier,
  ts.SyntaxKind.LabeledStatement,
  ts.SyntaxKind.BreakStatement,
  ts.SyntaxKind.ContinueStatement,
]);

/** `export {a} from "m"`: none of its names is the program's own. */
function isOfOther(specifier) {
  return specifier.parent.parent.moduleSpecifier !== undefined;
}

/** The symbol that a name in a scope refers to. */
function symbolOf(node, checker) {
  const { parent } = node;
  if (ts.isExportSpecifier(parent)) return checker.getExportSpecifierLocalTargetSymbol(parent);
  if (ts.isShorthandPropertyAssignment(parent) && parent.name === node) {
    return checker.getShorthandAssignmentValueSymbol(parent);
  }
  return checker.getSymbolAtLocation(node);
}

/** The token of the type that an added alias stands for. */
function standing({ type }) {
  return (ts.isTypeReferenceNode(type) ? type.typeName : type).getText();
}

/** A keyword that an added alias stands for has no structure of its own. */
function standsForKeyword(node, aliases) {
  if (!ts.isTypeReferenceNode(node) || node.typeArguments) return false;
  const alias = aliases.get(node.typeName.getText());
  return alias !== undefined && !ts.isTypeReferenceNode(alias.type);
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
