// A program in which what the compiler cannot know is a type of its own, equal to itself alone.
//
// Modules are not resolved: to the compiler every imported name is `any`, as good as any other type.
// Here each becomes a class. So does `any` itself, and the members of an enum, for which the compiler
// takes any number.

import ts from "typescript";

import { plainText } from "./types.mjs";

const MARK = '"opaque"'; // the property by which a class is told from all others

// The library's types that may leave a class what it is, but not what the class stands for.
const MAPPED = {
  Readonly: "{ readonly [K in keyof T]: T[K] }",
  Partial: "{ [K in keyof T]?: T[K] }",
  Required: "{ [K in keyof T]-?: T[K] }",
};

/**
 * The text before and after a hole in such a program.
 *
 * sourceFile  of a program with a type in the hole, which is `{start, end}` of its text
 * anyName     of the class that stands for `any`; no other text may have it
 * others      syntax nodes of other texts that will stand in the hole
 */
export function opaqueAround(sourceFile, hole, anyName, others) {
  const declarations = sourceFile.statements.filter(declaresOpaque);
  const replacements = [
    ...declarations.map((each) => ({ start: each.getStart(), end: each.end, text: "" })),
    ...anyReplacements(sourceFile, anyName),
  ].sort((a, b) => a.start - b.start);
  const { text } = sourceFile;
  const taken = new Set(sourceFile.statements.flatMap((each) => each.name?.text ?? []));
  const classes = [
    `declare class ${anyName} { ${MARK}: 1 }`,
    ...Object.entries(MAPPED)
      .filter(([name]) => !taken.has(name))
      .map(([name, mapped]) => mappedType(name, mapped)),
    ...declarations.filter(ts.isEnumDeclaration).map(enumStub),
    ...stubs(declarations.flatMap(importedNames), [sourceFile, ...others]),
  ];
  return {
    prefix: replaced(text, 0, hole.start, replacements),
    suffix: `${replaced(text, hole.end, text.length, replacements)}\n${classes.join("\n")}\n`,
  };
}

/** The text of a type in such a program, without comments, which may tell a compiler something. */
export function opaqueText(type, anyName) {
  return plainText(type, (node) => isAny(node) && anyName);
}

/** Part of a text with the replacements that lie in it, which are in order and do not overlap. */
function replaced(text, from, to, replacements) {
  let made = "";
  let last = from;
  for (const { start, end, text: other } of replacements) {
    if (start < from || end > to) continue;
    made += text.slice(last, start) + other;
    last = end;
  }
  return made + text.slice(last, to);
}

function anyReplacements(root, anyName) {
  const found = [];
  const visit = (node) => {
    if (isAny(node)) found.push({ start: node.getStart(), end: node.end, text: anyName });
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/**
 * Whether a node is `any` as a type; not where another type in its place would be an error or mean
 * something else: behind `keyof`, and as the type of a rest parameter.
 */
function isAny({ kind, parent }) {
  const isKept = () =>
    ts.isTypeOperatorNode(parent) || (ts.isParameter(parent) && parent.dotDotDotToken);
  return kind === ts.SyntaxKind.AnyKeyword && !isKept();
}

function declaresOpaque(statement) {
  return (
    ts.isImportDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    (ts.isImportEqualsDeclaration(statement) &&
      ts.isExternalModuleReference(statement.moduleReference))
  );
}

function importedNames(statement) {
  if (ts.isEnumDeclaration(statement)) return [];
  if (ts.isImportEqualsDeclaration(statement)) return [statement.name.text];
  const { name, namedBindings } = statement.importClause ?? {};
  const names = name ? [name] : [];
  if (namedBindings && ts.isNamespaceImport(namedBindings)) names.push(namedBindings.name);
  else if (namedBindings) names.push(...namedBindings.elements.map((each) => each.name));
  return names.map(({ text }) => text);
}

/** A class for each member of an enum, and their union for the enum. */
function enumStub({ name: { text: name }, members }) {
  const own = members.filter(({ name: member }) => ts.isIdentifier(member));
  const classes = own.map(({ name: member }) => stub("export", member.text, newUse(), [name]));
  const union = own.map(({ name: member }) => `${name}.${member.text}`).join(" | ") || "never";
  return `type ${name} = ${union}; declare namespace ${name} { ${classes.join(" ")} }`;
}

/** A class for each imported name, with the members and parameters with which the roots use it. */
function stubs(names, roots) {
  const uses = new Map(names.map((name) => [name, newUse()]));
  const keys = new Set();
  const use = (path, n) => {
    let found = { members: uses };
    for (const [depth, name] of path.entries()) {
      if (!found.members.has(name)) {
        if (depth === 0) return;
        found.members.set(name, newUse());
      }
      found = found.members.get(name);
    }
    found.n = Math.max(found.n, n);
  };
  const visit = (node) => {
    const name = node.typeName ?? node.exprName ?? (isHeritage(node) && node.expression);
    if (name) use(path(name), node.typeArguments?.length ?? 0);
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteralLike(node.literal) && isKey(node)) {
      keys.add(node.literal.text);
    }
    ts.forEachChild(node, visit);
  };
  roots.forEach(visit);
  return [...uses].map(([name, each]) => stub("declare", name, each, keys));
}

function newUse() {
  return { n: 0, members: new Map() };
}

function isHeritage(node) {
  return ts.isExpressionWithTypeArguments(node) && ts.isHeritageClause(node.parent);
}

/** The names of `a.b.c`; none of what is more than that. */
function path(name) {
  if (ts.isIdentifier(name)) return [name.text];
  const [left, right] = ts.isQualifiedName(name)
    ? [name.left, name.right]
    : ts.isPropertyAccessExpression(name)
      ? [name.expression, name.name]
      : [];
  return left ? [...path(left), right.text] : [];
}

/** Whether a literal type may be a key: in `T["key"]`, or given to `Pick` and its like. */
function isKey({ parent }) {
  const of = ts.isUnionTypeNode(parent) ? parent.parent : parent;
  return ts.isIndexedAccessTypeNode(of) || ts.isTypeReferenceNode(of);
}

/** One of the library's types in which `Readonly<A>` is not `A`, which may stand for an array. */
function mappedType(name, mapped) {
  const other = `[${JSON.stringify(name)}, T]`;
  return `type ${name}<T> = T extends { ${MARK}: unknown } ? { ${MARK}: ${other} } : ${mapped};`;
}

/**
 * A class, and a namespace of its members. One property no other class has; and it has one for each
 * key, so that `Omit<A, "key">` is not `A`.
 */
function stub(modifier, name, { n, members }, keys) {
  const parameters = Array.from({ length: n }, (_, index) => `$${index}`);
  const taken = n ? `<${parameters.map((each) => `${each} = unknown`).join(", ")}>` : "";
  const properties = [MARK, ...[...keys].map((key) => JSON.stringify(key))].map((key) => {
    const own = [JSON.stringify(`${key} of ${name}`), ...parameters];
    return `${key}: [${own.join(", ")}]`;
  });
  const made = `${modifier} class ${name}${taken} { ${properties.join("; ")} }`;
  if (members.size === 0) return made;
  const inner = [...members].map(([member, use]) => stub("export", member, use, keys));
  return `${made} ${modifier} namespace ${name} { ${inner.join(" ")} }`;
}
