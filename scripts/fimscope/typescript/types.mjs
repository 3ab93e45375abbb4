// The type that a model's completion spells, by the compiler's parser.

import ts from "typescript";

import { PARSING } from "./parsing.mjs";

const LONGEST = 20_000;
// Tokens that nothing behind them makes longer, and of these those with which no type begins.
const CLOSING = [
  ts.SyntaxKind.CloseParenToken,
  ts.SyntaxKind.CloseBracketToken,
  ts.SyntaxKind.CloseBraceToken,
  ts.SyntaxKind.CommaToken,
  ts.SyntaxKind.SemicolonToken,
];
const WHOLE = [...CLOSING, ts.SyntaxKind.OpenBraceToken];

/** The request `type_texts`: for each `[completion, kind]` its first type's text, or "". */
export function typeTexts({ completions }) {
  return completions.map(([completion, kind]) => firstType(completion, kind)?.getText() ?? "");
}

/**
 * The request `type_ends`: for each `[completion, kind]` whether its first type has ended, whatever
 * would come behind the completion. What is no type, and will be none, has ended too.
 */
export function typeEnds({ completions }) {
  return completions.map(([completion, kind]) => hasEnded(completion, kind));
}

/**
 * Whether the parser has seen what ends the type: a whole token behind it that is no part of it. A
 * token that ends the text may not be whole, but for those that nothing makes longer.
 */
function hasEnded(completion, kind) {
  const text = completion.slice(0, LONGEST);
  const type = firstType(text, kind);
  const rest = type ? type.getSourceFile().text.slice(type.end) : text;
  const { token, isLast } = firstToken(rest);
  if (!type) return CLOSING.includes(token);
  return token !== ts.SyntaxKind.EndOfFileToken && (!isLast || WHOLE.includes(token));
}

function firstToken(text) {
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, true, undefined, text);
  const token = scanner.scan();
  return { token, isLast: scanner.getTokenEnd() === text.length };
}

/** The first type of a completion as a syntax node, or undefined where there is no whole one. */
export function firstType(completion, kind) {
  const before = kind === "return" ? "function f(): " : "function f(a: ";
  const text = before + completion.slice(0, LONGEST);
  const [statement] = parsed(text)?.statements ?? [];
  if (!statement || !ts.isFunctionDeclaration(statement)) return undefined;
  const type = kind === "return" ? statement.type : statement.parameters[0]?.type;
  return type && type.getStart() >= before.length && isWhole(type) ? type : undefined;
}

/** The syntax tree of a text; undefined where it is nested too deeply for the parser. */
function parsed(text) {
  try {
    return ts.createSourceFile("/completion.ts", text, PARSING, true);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What a type is made as: one of these, or `other`. */
const FORMS = [
  ["union", ts.isUnionTypeNode],
  ["function", ts.isFunctionOrConstructorTypeNode],
  ["array", (type) => ts.isArrayTypeNode(type) || ts.isTupleTypeNode(type)],
  ["generic", (type) => type.typeArguments !== undefined],
  ["name", (type) => ts.isTypeReferenceNode(type)],
  ["builtin", (type) => ts.isToken(type) || ts.isThisTypeNode(type) || isNull(type)],
];

/** The form of a type, without its parentheses and `readonly`. */
export function formOf(type) {
  if (ts.isParenthesizedTypeNode(type) || isReadonly(type)) return formOf(type.type);
  return FORMS.find(([, isIt]) => isIt(type))?.[0] ?? "other";
}

function isNull(type) {
  return type.literal?.kind === ts.SyntaxKind.NullKeyword;
}

function isReadonly(type) {
  return ts.isTypeOperatorNode(type) && type.operator === ts.SyntaxKind.ReadonlyKeyword;
}

/** Whether two types are the same tokens. */
export function isSpelledAlike(one, other) {
  const spell = (type) => JSON.stringify([...tokensOf(type)].map((token) => token.getText()));
  return spell(one) === spell(other);
}

/**
 * A type's text without comments and with white space as short as it can be.
 *
 * instead  of a token: the text that takes its place, if any
 */
export function plainText(type, instead = () => undefined) {
  const { text } = type.getSourceFile();
  let plain = "";
  let last = type.getStart();
  for (const token of tokensOf(type)) {
    const gap = text.slice(last, token.getStart());
    // A line break may end a member.
    plain += gap && (/[\n\r\u2028\u2029]/.test(gap) ? "\n" : " ");
    plain += instead(token) || token.getText();
    last = token.end;
  }
  return plain;
}

function* tokensOf(node) {
  const children = node.getChildren();
  if (children.length > 0) for (const child of children) yield* tokensOf(child);
  else if (node.end > node.getStart()) yield node;
}

function isWhole(node) {
  if (node.end === node.getStart() || node.flags & ts.NodeFlags.ThisNodeHasError) return false;
  // `?`, `*` and `string?` are types in JSDoc only.
  if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) {
    return false;
  }
  return ts.forEachChild(node, (child) => !isWhole(child)) !== true;
}
