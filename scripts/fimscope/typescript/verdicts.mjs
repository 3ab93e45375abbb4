// What a model's answer is, beside the type that stood in its hole, by the compiler.

import { anyTest, equivalenceTest, holds } from "./assignability.mjs";
import { errorsByPlace, missingErrors } from "./error_places.mjs";
import { foresee } from "./foresight.mjs";
import { annotationAt, locate } from "./holes.mjs";
import { errorsOf, parse } from "./program.mjs";
import { Refusal } from "./refusal.mjs";
import { firstType, formOf, isSpelledAlike } from "./types.mjs";

const NOT_CHECKED = "@ts-nocheck";

/**
 * The request `verdicts`: for each hole `{prefix, gold, suffix, kind, answer}` its
 * `{verdict, detail, is_any, form}`:
 *
 * same         spelled as the gold is, but for white space and comments
 * equivalent   another spelling of the type: each is assignable to the other (assignability.mjs)
 * checks       another type, with which the program has no error that it has not with the gold
 * fails        a type with which it has one, or no single type; the detail says which
 *
 * `is_any` says of a type that checks whether to the compiler it is `any`, as what is imported is:
 * it would check anywhere. `form` is the gold's (types.mjs). A hole that cannot be judged has
 * `{reason, detail}`. A program that asks not to be checked (`@ts-nocheck`) is checked all the same:
 * in it any type would check.
 */
export function verdicts({ holes }) {
  const rows = holes.map(checked).map((hole) => ({ ...hole, ...attempt(() => bySpelling(hole)) }));
  // One question after another, each to the holes that are still open, all of them together.
  for (const [texts, answer] of [
    [({ equivalence }) => (equivalence ? [equivalence.text] : []), byEquivalence],
    [({ golden, text }) => [golden, text], byErrors],
    [({ any }) => (any ? [any.text] : []), byAny],
  ]) {
    const open = rows.filter(({ verdict, reason }) => !verdict && !reason);
    foresee({ texts: [...new Set(open.flatMap(texts))] });
    for (const row of open) Object.assign(row, attempt(() => answer(row)));
  }
  return rows.map(({ verdict, reason, detail = null, isAny = false, form }) =>
    reason ? { reason, detail } : { verdict, detail, is_any: isAny, form },
  );
}

/** The hole without the directive, which no longer reads as one; every place stays where it is. */
function checked({ prefix, suffix, ...hole }) {
  const [before, behind] = [prefix, suffix].map((text) => text.replaceAll(NOT_CHECKED, "@ts_nocheck"));
  return { ...hole, prefix: before, suffix: behind };
}

function attempt(make) {
  try {
    return make();
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, detail: error.detail };
    throw error;
  }
}

function bySpelling({ prefix, gold, suffix, kind, answer }) {
  const { text: golden, annotation } = locate({ prefix, gold, suffix });
  const form = formOf(annotation.node);
  const type = firstType(answer, kind);
  if (type?.getText() !== answer) return { form, ...fails("no single type") };
  if (isSpelledAlike(annotation.node, type)) return { form, verdict: "same" };
  const text = prefix + answer + suffix;
  const sourceFile = attempt(() => parse(text));
  if (sourceFile.reason) return { form, ...fails(sourceFile.detail) }; // by the answer alone
  const node = annotationAt(sourceFile, { prefix, gold: answer })?.node;
  if (!node || sourceFile.parseDiagnostics.length > 0) {
    return { form, ...fails("no type in its place") };
  }
  const equivalence = bearable(equivalenceTest(annotation.node, node));
  return { form, golden, text, node, equivalence };
}

/** A test, if its text is not too complex, as one may be where the answer's own hardly is not. */
function bearable(test) {
  return test && !attempt(() => parse(test.text)).reason ? test : undefined;
}

function byEquivalence({ equivalence }) {
  const isEquivalent = equivalence && holds(equivalence, errorsOf(equivalence.text));
  return isEquivalent ? { verdict: "equivalent" } : {};
}

function byErrors({ golden, text, prefix, node, suffix }) {
  const was = errorsByPlace(golden); // kept by its cache
  const [added] = missingErrors(errorsByPlace(text), was);
  return added ? fails(added.detail) : { any: bearable(anyTest(prefix, node, suffix)) };
}

function byAny({ any }) {
  return { verdict: "checks", isAny: any !== undefined && holds(any, errorsOf(any.text)) };
}

function fails(detail) {
  return { verdict: "fails", detail };
}
