// Where comments mention the names of a program.

import ts from "typescript";

import { DIRECTIVE, commentsOf } from "../comments.mjs";
import { scoped } from "../program.mjs";

// An address is no text of names; a word behind a dot, a hyphen, a slash or such is part of more.
const WORD =
  /[a-z]+:\/\/\S+|(?<![\p{ID_Continue}$@#\-/\\]|(?<!\.\.)\.)[\p{ID_Start}$_][\p{ID_Continue}$]*/giu;

// These are English before they are names, where they stand as words do and nothing marks them.
const ENGLISH = new Set(
  (
    "I a all an and any are as at be but by can each from has is it its may must no not of off " +
    "on one only or other so some that the then they to up we when you"
  ).split(" "),
);
const MARKED_BEFORE = /(@\w+\s+(\{[^}]*\}\s*)?\[?|\{@\w+\s+)$/;
const WORD_BEFORE = /(^|[\s"'(])$/;
const WORD_BEHIND = /^[.,;:!?"']*(\s|$)/;

/**
 * For each of some symbols of a text the `{start, end}` of all that comments say of it: the words
 * that are its name, where the name has the meaning (symbol flags) of that symbol.
 *
 * A comment names what can be seen from what it stands in front of, inside the function that this
 * declares; what it names at the end of a line or of a block can be seen from there.
 */
export function mentionsOf(text, symbols, meaning) {
  const { sourceFile, checker } = scoped(text);
  const names = new Set([...symbols].map(({ name }) => name));
  const mentions = new Map();
  for (const comment of commentsOf(text)) {
    const content = text.slice(comment.start, comment.end);
    if (DIRECTIVE.test(content)) continue;
    const words = [...content.matchAll(WORD)].filter(
      ({ 0: word, index }) => names.has(word) && !isEnglish(word, index, content),
    );
    if (words.length === 0) continue;
    const seen = new Map(
      checker
        .getSymbolsInScope(placeOf(comment, sourceFile), meaning)
        .map((symbol) => [symbol.name, checker.getExportSymbolOfSymbol(symbol)]),
    );
    for (const { 0: word, index } of words) {
      const symbol = seen.get(word);
      if (!symbols.has(symbol)) continue;
      const start = comment.start + index;
      if (!mentions.has(symbol)) mentions.set(symbol, []);
      mentions.get(symbol).push({ start, end: start + word.length });
    }
  }
  return mentions;
}

function isEnglish(word, at, comment) {
  if (!ENGLISH.has(word)) return false;
  const [before, behind] = [comment.slice(0, at), comment.slice(at + word.length)];
  return WORD_BEFORE.test(before) && WORD_BEHIND.test(behind) && !MARKED_BEFORE.test(before);
}

/** The node from which the names of a comment are looked up. */
function placeOf(comment, sourceFile) {
  const { text } = sourceFile;
  let inside = sourceFile;
  for (let next = inside; next; ) {
    inside = next;
    next = ts.forEachChild(inside, (child) =>
      child.pos <= comment.start && comment.end <= child.end ? child : undefined,
    );
  }
  if (inside.getStart() < comment.end) return inside;
  let described = inside;
  while (described.parent?.pos === described.pos && !ts.isSourceFile(described.parent)) {
    described = described.parent;
  }
  const line = text.slice(text.lastIndexOf("\n", comment.start - 1) + 1, comment.start);
  const isOnItsLine = !text.slice(comment.end, described.getStart()).includes("\n");
  if (line.trim() !== "" && !isOnItsLine) return described.parent ?? described;
  const isDoc = text.startsWith("/**", comment.start);
  return (isDoc || declares(described) ? functionIn(described) : undefined) ?? described;
}

/** Not a statement that only runs: what is said in front of that is said of what it uses. */
function declares(node) {
  return !ts.isStatement(node) || ts.isVariableStatement(node) || node.name !== undefined;
}

/** The function that a node is or makes, but not one in a block, a class or an object. */
function functionIn(node) {
  if (ts.isFunctionLike(node)) return node;
  const isApart = (child) =>
    ts.isStatement(child) ||
    ts.isClassLike(child) ||
    ts.isObjectLiteralExpression(child) ||
    ts.isTypeLiteralNode(child);
  if (ts.isClassLike(node) || ts.isInterfaceDeclaration(node) || ts.isBlock(node)) return undefined;
  return ts.forEachChild(node, (child) => (isApart(child) ? undefined : functionIn(child)));
}
