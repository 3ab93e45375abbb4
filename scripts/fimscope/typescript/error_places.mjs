// The errors of a program by the places where they stand, whatever lines an edit moves.

import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { nodesOutside } from "./nodes.mjs";
import { describe, errorsOf, parse } from "./program.mjs";

// Imports are not resolved, so what the compiler says of missing modules says nothing.
const MISSING_MODULE = new Set([2306, 2307, 2792, 7016]);

// The codes with "Did you mean ...?" depend on how names are spelled; their plain codes do not.
const PLAIN_CODE = new Map([
  [2551, 2339],
  [2552, 2304],
  [2561, 2353],
  [2568, 2339],
  [2570, 2304],
  [2662, 2304],
  [2663, 2304],
  [2724, 2305],
  [2820, 2322],
  [2833, 2503],
]);

const found = new RecentCache(32);

/**
 * The errors of a text: `"place code" -> [{diagnostic, detail}]`.
 *
 * The rule: an error stands at the number of statements, members, parameters, variables, cases and
 * calls that begin at or before it, not counting what lies inside annotations or inside `added`
 * spans. No edit changes that number, though lines may shift, names grow, comments and annotations
 * go. Two errors are the same where place and code are; an error inside an added span has the
 * place `added`, which no original has.
 *
 * added     `[{start, end}]`, declarations that an edit has put into the text
 * startsOf  gives where the places of the text begin, as `placeStarts` does, to who knows it
 */
export function errorsByPlace(text, added = [], startsOf = placeStarts) {
  return found.get(`${JSON.stringify(added)}\n${text}`, () => {
    const errors = new Map();
    const counted = errorsOf(text).filter(({ code }) => !MISSING_MODULE.has(code));
    if (counted.length === 0) return errors;
    const starts = startsOf(text, added);
    for (const diagnostic of counted) {
      const at = diagnostic.start ?? 0;
      const isAdded = added.some(({ start, end }) => at >= start && at < end);
      const place = isAdded ? "added" : countUpTo(starts, at);
      const key = `${place} ${PLAIN_CODE.get(diagnostic.code) ?? diagnostic.code}`;
      if (!errors.has(key)) errors.set(key, []);
      errors.get(key).push({
        diagnostic,
        get detail() {
          const { message: messageText, ...error } = diagnostic;
          return `${describe({ ...error, file: parse(text), messageText })} (TS${error.code})`;
        },
      });
    }
    return errors;
  });
}

/** The errors of one text that the other has not, or not as often. */
export function missingErrors(of, from) {
  return [...of].flatMap(([key, errors]) => errors.slice(from.get(key)?.length ?? 0));
}

/** Where in a text what counts as a place begins, in ascending order. */
export function placeStarts(text, added = []) {
  const file = parse(text);
  const isAdded = (node) =>
    added.some(({ start, end }) => node.end <= end && node.getStart(file) >= start);
  const isSkipped = (node) => isAnnotation(node) || isAdded(node);
  return nodesOutside(file, isSkipped, isPlace)
    .map((node) => node.getStart(file))
    .sort((a, b) => a - b);
}

function isAnnotation(node) {
  const { parent } = node;
  return node === parent?.type && !ts.isTypeAliasDeclaration(parent) && ts.isTypeNode(node);
}

function isPlace(node) {
  return (
    ts.isStatement(node) ||
    ts.isClassElement(node) ||
    ts.isTypeElement(node) ||
    ts.isEnumMember(node) ||
    ts.isObjectLiteralElement(node) ||
    ts.isParameter(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isCaseOrDefaultClause(node) ||
    ts.isCallOrNewExpression(node)
  );
}

function countUpTo(starts, at) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
