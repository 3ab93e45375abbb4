// Whether types are assignable to each other where they stand: the compiler is asked by a program.
//
// `type check<X, Y extends X> = 1` is added to the program, and in its hole stands a tuple of such
// checks: there every name, type parameter and `this` means what it means to the hole's type.

import ts from "typescript";

import { opaqueAround, opaqueText } from "./opaque.mjs";
import { plainText } from "./types.mjs";

// "Type 'Y' does not satisfy the constraint 'X'", and what is said of it where Y alone is readonly.
const UNSATISFIED = new Set([2344, 4104]);

/**
 * The program that asks whether two types of a hole are each assignable to the other, also where
 * their optional properties are required (`{}` is assignable to a type of nothing else); undefined
 * for type predicates that no other type could equal. See `opaque.mjs` for what `any` is there.
 *
 * gold, answer  the type nodes in the hole of two programs that are alike but for it
 */
export function equivalenceTest(gold, answer) {
  const [one, other] = withoutPredicate(gold, answer);
  if (!one) return undefined;
  const sourceFile = gold.getSourceFile();
  const name = freshName(sourceFile.text + answer.getText());
  const hole = { start: gold.getStart(), end: gold.end };
  const around = opaqueAround(sourceFile, hole, `${name}Any`, [answer]);
  const [a, b] = [one, other].map((type) => opaqueText(type, `${name}Any`));
  return testOf(around, name, [
    [a, b, true],
    [b, a, true],
    [`${name}Required<${a}>`, `${name}Required<${b}>`, true],
    [`${name}Required<${b}>`, `${name}Required<${a}>`, true],
    [...isAny(a), false],
    [...isAny(b), false],
  ]);
}

/** The program that asks whether a hole's type is `any` to the compiler. */
export function anyTest(prefix, answer, suffix) {
  const name = freshName(prefix + answer.getText() + suffix);
  const type = ts.isTypePredicateNode(answer) ? "boolean" : plainText(answer);
  return testOf({ prefix, suffix }, name, [[...isAny(type), true]]);
}

/**
 * Whether the checks of a test hold that must, and no others, by the errors of its text. An error
 * inside a type, but for a constraint of its own that is not satisfied, leaves open what the type
 * is: then the test does not hold. Nor where the compiler tells no errors there at all
 * (`@ts-nocheck`), which shows by the first check.
 */
export function holds({ checks }, errors) {
  const isBroken = ({ y }) => errors.some(({ start }) => start === y);
  const isOpen = ({ x, end }) =>
    errors.some(({ start, code }) => start >= x && start < end && !UNSATISFIED.has(code));
  return checks.every((check) => isBroken(check) !== check.mustHold && !isOpen(check));
}

/** The types that two predicates tell of the same thing; both types where neither is one. */
function withoutPredicate(gold, answer) {
  if (!ts.isTypePredicateNode(gold) && !ts.isTypePredicateNode(answer)) return [gold, answer];
  const isAlike =
    ts.isTypePredicateNode(gold) &&
    ts.isTypePredicateNode(answer) &&
    !gold.assertsModifier === !answer.assertsModifier &&
    gold.parameterName.getText() === answer.parameterName.getText();
  return isAlike && gold.type && answer.type ? [gold.type, answer.type] : [];
}

/** The check that holds where a type is `any`, or what the compiler takes an unknown name for. */
function isAny(type) {
  return ["true", `0 extends 1 & (${type}) ? true : false`];
}

function freshName(text) {
  let n = 0;
  while (text.includes(`$check${n}`)) n += 1;
  return `$check${n}`;
}

/**
 * `{text, checks}`: the checks `[X, Y, mustHold]`, one a line, behind a first that does not hold; of
 * each the places where X and Y begin and Y ends.
 */
function testOf({ prefix, suffix }, name, wanted) {
  let text = `${prefix}[`;
  const checks = [["1", "2", false], ...wanted].map(([one, other, mustHold]) => {
    const x = text.length + name.length + 2;
    const y = x + one.length + 2;
    text += `\n${name}<${one}, ${other}>,`;
    return { x, y, end: y + other.length, mustHold };
  });
  const own = [
    `type ${name}<X, Y extends X> = 1;`,
    `type ${name}Required<T> = { [K in keyof T]-?: T[K] };`,
  ];
  return { text: `${text}\n]${suffix}\n${own.join("\n")}\n`, checks };
}
