// The edit `alias_types`: built-in types are called by aliases that the program declares for them.

import ts from "typescript";

import { typed } from "../program.mjs";
import { allowedShare } from "./checked_sites.mjs";
import { inLinesOfItsOwn, placesBetween } from "./insertion.mjs";
import { freshTypeNames } from "./names.mjs";

const KEYWORDS = new Set([
  ts.SyntaxKind.StringKeyword,
  ts.SyntaxKind.NumberKeyword,
  ts.SyntaxKind.BooleanKeyword,
  ts.SyntaxKind.BigIntKeyword,
  ts.SyntaxKind.SymbolKeyword,
  ts.SyntaxKind.ObjectKeyword,
]);
const PARAMETERS = ["A", "B", "C", "D"];

/** The sites of a share of those that the checker allows: it relates some types by their names. */
export function aliasTypes(text, gold, options, share) {
  return allowedShare(text, aliases(text, gold, options), options, share, false);
}

/** A site per built-in type: its alias, and all its uses but those in the gold. */
function aliases(text, gold, { seed, origin }) {
  const { sourceFile, checker } = typed(text);
  const uses = new Map();
  const visit = (node) => {
    if (node.pos < gold.end && node.end > gold.start && node.getStart() >= gold.start) return;
    const type = builtIn(node, checker);
    if (type) {
      const key = `${type.name} ${type.n}`;
      if (!uses.has(key)) uses.set(key, { ...type, places: [] });
      uses.get(key).places.push({ start: type.node.getStart(), end: type.node.end });
    }
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);

  const names = freshTypeNames(text, `${seed}\nalias_types\n${origin}`);
  const [{ at }] = placesBetween(text);
  return [...uses.values()].map(({ name, n, places }) => {
    const alias = names.next().value;
    const list = n > 0 ? `<${PARAMETERS.slice(0, n).join(", ")}>` : "";
    const declaration = `type ${alias}${list} = ${name}${list};`;
    return {
      name: alias,
      starts: [],
      renames: [{ old: name, new: alias, kind: "alias" }],
      replacements: [
        { start: at, end: at, text: inLinesOfItsOwn(declaration, text, at, 1), isAdded: true },
        ...places.map((place) => ({ ...place, text: alias })),
      ],
    };
  });
}

/** `{name, n, node}` of the built-in type with n arguments that a node names, or undefined. */
function builtIn(node, checker) {
  if (KEYWORDS.has(node.kind)) {
    return isFixed(node) ? undefined : { name: node.getText(), n: 0, node };
  }
  if (!ts.isTypeReferenceNode(node) || !ts.isIdentifier(node.typeName)) return undefined;
  const n = node.typeArguments?.length ?? 0;
  const name = node.typeName;
  const symbol = checker.getSymbolAtLocation(name);
  if (!symbol || n > PARAMETERS.length || name.text === "const" || !isFromLibrary(symbol, name)) {
    return undefined;
  }
  // An alias's own argument can't wait: a type that refers to itself through it would be circular.
  if (n > 0 && ts.findAncestor(node, ts.isTypeAliasDeclaration)) return undefined;
  const types = symbol.declarations.filter(
    (each) => ts.isInterfaceDeclaration(each) || ts.isClassDeclaration(each),
  );
  const isPlain = types.every((each) => areFree(each.typeParameters ?? [], n));
  return isPlain ? { name: name.text, n, node: name } : undefined;
}

function isFromLibrary(symbol, node) {
  return (
    (symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class)) !== 0 &&
    symbol.declarations.every((each) => each.getSourceFile() !== node.getSourceFile())
  );
}

/** Whether n arguments can be given for parameters, whatever they are. */
function areFree(parameters, n) {
  const taken = parameters.slice(0, n);
  const left = parameters.slice(n);
  return (
    parameters.length >= n &&
    taken.every((parameter) => !parameter.constraint) &&
    left.every((parameter) => parameter.default)
  );
}

/** Where the language wants the keyword itself. */
function isFixed(node) {
  const { parent } = node;
  return (
    (ts.isTypeOperatorNode(parent) && parent.operator === ts.SyntaxKind.UniqueKeyword) ||
    (ts.isParameter(parent) && ts.isIndexSignatureDeclaration(parent.parent)) ||
    ts.isExpressionWithTypeArguments(parent)
  );
}
