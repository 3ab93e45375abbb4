// Types by what a name says of them.

import ts from "typescript";

import { PARSING } from "../parsing.mjs";

const LISTS = new Set(["Array", "ReadonlyArray", "Set", "ReadonlySet", "Iterable"]);
const MAPS = new Set(["Map", "ReadonlyMap", "WeakMap", "Record"]);
const PROMISES = new Set(["Promise", "PromiseLike"]);

/**
 * The group of a type's text: string, number, boolean, list, map, promise, function, object, any,
 * nothing, or mixed for a union of unlike ones.
 */
export function groupOf(text) {
  const sourceFile = ts.createSourceFile("/type.ts", `type T = ${text};`, PARSING);
  const [statement] = sourceFile.statements;
  return statement && ts.isTypeAliasDeclaration(statement) ? groupOfNode(statement.type) : "any";
}

function groupOfNode(node) {
  if (ts.isParenthesizedTypeNode(node)) return groupOfNode(node.type);
  if (ts.isUnionTypeNode(node)) return groupOfUnion(node.types);
  if (ts.isLiteralTypeNode(node)) return groupOfKind(node.literal.kind);
  if (ts.isTypeOperatorNode(node)) {
    return node.operator === ts.SyntaxKind.KeyOfKeyword ? "string" : groupOfNode(node.type);
  }
  if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) {
    const name = node.typeName.text;
    if (LISTS.has(name)) return "list";
    if (MAPS.has(name)) return "map";
    if (PROMISES.has(name)) return "promise";
    return name === "Function" ? "function" : "object";
  }
  return groupOfKind(node.kind);
}

function groupOfUnion(types) {
  const groups = new Set(types.map(groupOfNode));
  if (groups.size > 1) groups.delete("nothing");
  return groups.size === 1 ? [...groups][0] : "mixed";
}

function groupOfKind(kind) {
  switch (kind) {
    case ts.SyntaxKind.StringKeyword:
    case ts.SyntaxKind.StringLiteral:
    case ts.SyntaxKind.NoSubstitutionTemplateLiteral:
    case ts.SyntaxKind.TemplateLiteralType:
      return "string";
    case ts.SyntaxKind.NumberKeyword:
    case ts.SyntaxKind.BigIntKeyword:
    case ts.SyntaxKind.NumericLiteral:
    case ts.SyntaxKind.BigIntLiteral:
    case ts.SyntaxKind.PrefixUnaryExpression:
      return "number";
    case ts.SyntaxKind.BooleanKeyword:
    case ts.SyntaxKind.TrueKeyword:
    case ts.SyntaxKind.FalseKeyword:
    case ts.SyntaxKind.TypePredicate:
      return "boolean";
    case ts.SyntaxKind.ArrayType:
    case ts.SyntaxKind.TupleType:
      return "list";
    case ts.SyntaxKind.FunctionType:
    case ts.SyntaxKind.ConstructorType:
      return "function";
    case ts.SyntaxKind.VoidKeyword:
    case ts.SyntaxKind.UndefinedKeyword:
    case ts.SyntaxKind.NullKeyword:
    case ts.SyntaxKind.NeverKeyword:
      return "nothing";
    case ts.SyntaxKind.TypeLiteral:
    case ts.SyntaxKind.ObjectKeyword:
    case ts.SyntaxKind.ExpressionWithTypeArguments:
    case ts.SyntaxKind.TypeReference:
    case ts.SyntaxKind.MappedType:
    case ts.SyntaxKind.IntersectionType:
    case ts.SyntaxKind.ThisType:
      return "object";
    default:
      return "any";
  }
}
