// Where declarations can be put between the statements of a file.

import ts from "typescript";

import { DIRECTIVE } from "../comments.mjs";
import { parse } from "../program.mjs";

/** The line break of a file. */
export function lineBreakOf(text) {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

/**
 * The places between the statements of a file, after its imports and directives: `{at, after}` with
 * the index of the statement that comes after.
 */
export function placesBetween(text) {
  const { statements } = parse(text);
  let first = 0;
  while (first < statements.length && isHead(statements[first])) first += 1;
  const places = [];
  for (let after = first; after <= statements.length; after += 1) {
    const previous = statements[after - 1];
    // Nothing may stand between an overload signature and what follows it.
    if (previous && ts.isFunctionDeclaration(previous) && !previous.body) continue;
    places.push({ at: previous ? endWithComments(text, previous) : startOfFile(text), after });
  }
  return places;
}

function isHead(statement) {
  return (
    ts.isImportDeclaration(statement) ||
    ts.isImportEqualsDeclaration(statement) ||
    (ts.isExpressionStatement(statement) && ts.isStringLiteral(statement.expression))
  );
}

function endWithComments(text, node) {
  return ts.getTrailingCommentRanges(text, node.end)?.at(-1)?.end ?? node.end;
}

// After a byte order mark, a line that names the interpreter, and what the compiler reads there.
function startOfFile(text) {
  const mark = text.startsWith("\ufeff") ? 1 : 0;
  const first = mark + (ts.getShebang(text.slice(mark))?.length ?? 0);
  const directives = (ts.getLeadingCommentRanges(text, first) ?? []).filter(({ pos, end }) =>
    DIRECTIVE.test(text.slice(pos, end)),
  );
  return directives.at(-1)?.end ?? first;
}

/** A declaration as it is put at a place: in lines of its own, after `n` line breaks. */
export function inLinesOfItsOwn(declaration, text, at, n) {
  const breaks = lineBreakOf(text).repeat(n);
  const isFirst = at === 0 || (at === 1 && text.startsWith("\ufeff"));
  return isFirst ? declaration + breaks : breaks + declaration;
}
