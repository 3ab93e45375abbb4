// Whether two JavaScript texts are one program under two sets of variable names.

import { parse } from "acorn";
import { analyze } from "eslint-scope";

import { RecentCache } from "./cache.mjs";

// The variants of one program share its original.
const resolved = new RecentCache(4);

const SKIPPED = new Set(["start", "end", "range", "loc", "shorthand"]);

/**
 * What sets two JavaScript modules apart beside the names of their variables: `{reason, detail}`,
 * or undefined. The reason is `unsupported_syntax` where the first can't be read at all.
 *
 * They are equal where their syntax trees are and one bijection carries each scope's variables of
 * the first to those of the second. Globals, members and labels must be the same, and export names
 * too but for those that `exports` (old name -> new name) lists; where the names are `isFixed`,
 * all.
 * Independent of the editor and of the TypeScript checker: acorn parses, eslint-scope resolves.
 */
export function differenceOfJavascript(first, second, { exports, isFixed }) {
  if (first === second) return undefined;
  const was = resolved.get(first, () => resolve(first));
  if (was.problem) return { reason: "unsupported_syntax", detail: was.problem };
  const is = resolve(second);
  const detail =
    is.problem ?? new Comparison(was, is, exports, isFixed).difference(was.tree, is.tree, "");
  return detail && { reason: "other_javascript", detail: detail.slice(-400) };
}

/**
 * The tree of a module, the variables that each identifier names, and its exported identifiers; or
 * the problem.
 */
function resolve(text) {
  let tree;
  try {
    tree = parse(text, { ecmaVersion: "latest", sourceType: "module", ranges: true });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: `acorn: ${error.message}` };
  }
  const manager = analyze(tree, { ecmaVersion: 2025, sourceType: "module" });
  const variables = new Map();
  const add = (identifier, variable) => {
    if (!variables.has(identifier)) variables.set(identifier, []);
    const known = variables.get(identifier);
    if (!known.includes(variable)) known.push(variable);
  };
  for (const scope of manager.scopes) {
    for (const variable of scope.variables) {
      // The implicit `arguments` has no declaration: its name is the language's.
      if (variable.identifiers.length === 0) continue;
      for (const identifier of variable.identifiers) add(identifier, variable);
      for (const reference of variable.references) add(reference.identifier, variable);
    }
  }
  return { tree, variables, exported: exportedIdentifiers(tree) };
}

/** Identifiers that declare a variable and name an export at once. */
function exportedIdentifiers(tree) {
  const exported = new Set();
  const collect = (pattern) => {
    if (!pattern) return;
    if (pattern.type === "Identifier") exported.add(pattern);
    if (pattern.type === "ObjectPattern") {
      for (const property of pattern.properties) collect(property.value ?? property.argument);
    }
    if (pattern.type === "ArrayPattern") pattern.elements.forEach(collect);
    if (pattern.type === "AssignmentPattern") collect(pattern.left);
    if (pattern.type === "RestElement") collect(pattern.argument);
  };
  for (const statement of tree.body) {
    if (statement.type !== "ExportNamedDeclaration" || !statement.declaration) continue;
    collect(statement.declaration.id);
    for (const { id } of statement.declaration.declarations ?? []) collect(id);
  }
  return exported;
}

class Comparison {
  constructor(first, second, exports, isFixed) {
    this.first = first;
    this.second = second;
    this.exports = exports;
    this.isFixed = isFixed;
    this.forward = new Map();
    this.backward = new Map();
  }

  difference(a, b, place) {
    if (Array.isArray(a) && Array.isArray(b)) {
      if (a.length !== b.length) return `${place}: ${a.length} parts, then ${b.length}`;
      for (let index = 0; index < a.length; index += 1) {
        const found = this.difference(a[index], b[index], place);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    if (!isNode(a) || !isNode(b)) return sameValue(a, b) ? undefined : `${place}: another value`;
    if (a.type !== b.type) return `${place}: ${a.type}, then ${b.type}`;
    const here = a.type === "Program" ? "" : `${place}/${a.type}`;
    if (a.type === "Identifier") {
      const found = this.differenceOfNames(a, b);
      return found && `${place}: ${found}`;
    }
    // acorn gives one node for both names of `export {a}` and of `import {a}`.
    if (a.type === "ExportSpecifier") return this.differenceOfSpecifiers(a, b, "exported", here);
    if (a.type === "ImportSpecifier") return this.differenceOfSpecifiers(a, b, "imported", here);
    const [mine, its] = [partsOf(a), partsOf(b)];
    const keys = keysOf(mine);
    if (keysOf(its).length !== keys.length) return `${here}: other parts`;
    for (const key of keys) {
      const found = this.difference(mine[key], its[key], here);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  differenceOfSpecifiers(a, b, side, place) {
    const [was, is] = [moduleName(a[side]), moduleName(b[side])];
    const expected = side === "exported" ? (this.exports.get(was) ?? was) : was;
    if (is !== expected) return `${place}: ${side} ${was}, then ${is}`;
    return this.difference(a.local, b.local, place);
  }

  differenceOfNames(a, b) {
    const names = `${a.name}, then ${b.name}`;
    const own = this.first.variables.get(a) ?? [];
    const other = this.second.variables.get(b) ?? [];
    if (own.length !== other.length) return `resolved otherwise: ${names}`;
    const isExport = this.first.exported.has(a) || this.second.exported.has(b);
    const expected = isExport ? (this.exports.get(a.name) ?? a.name) : a.name;
    const isFixed = own.length === 0 || isExport || this.isFixed;
    if (isFixed && b.name !== expected) return `a name that must stay: ${names}`;
    const isPaired = own.every((mine, index) => this.pair(mine, other[index]));
    return isPaired ? undefined : `another variable: ${names}`;
  }

  /** Whether two variables are each other's, as they are from now on where neither has one yet. */
  pair(mine, its) {
    if (!this.forward.has(mine) && !this.backward.has(its)) {
      this.forward.set(mine, its);
      this.backward.set(its, mine);
    }
    return this.forward.get(mine) === its && this.backward.get(its) === mine;
  }
}

/**
 * What counts of a node. Shorthand counts as written out, but for `{ __proto__ }`: it makes a
 * property, as `{ ["__proto__"]: x }` does, where `{ __proto__: x }` sets the prototype.
 */
function partsOf(node) {
  const isProto = node.type === "Property" && node.shorthand && node.key.name === "__proto__";
  return isProto ? { ...node, ...PROTO } : node;
}

function keysOf(node) {
  return Object.keys(node).filter((key) => !SKIPPED.has(key));
}

const PROTO = {
  computed: true,
  key: { type: "Literal", value: "__proto__", raw: '"__proto__"' },
};

function isNode(value) {
  return typeof value === "object" && value !== null && typeof value.type === "string";
}

// Plain values, and the plain objects in which acorn keeps a regular expression or a template.
function sameValue(a, b) {
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => sameValue(a[key], b[key]));
}

function moduleName(node) {
  return node.type === "Literal" ? node.value : node.name;
}
