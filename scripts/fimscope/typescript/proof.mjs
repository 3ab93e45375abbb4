// The proof that a variant is its original in other words. It knows nothing of the editor.

import { takeOut } from "./additions.mjs";
import { differenceOfJavascript } from "./alpha.mjs";
import { RecentCache } from "./cache.mjs";
import { looksNamesUp } from "./dynamic_scope.mjs";
import { plainJavascript, strippedJavascript } from "./erase.mjs";
import { errorsByPlace, missingErrors } from "./error_places.mjs";
import { annotationAt } from "./holes.mjs";
import { describe, parse } from "./program.mjs";
import { differenceOfTokens } from "./tokens.mjs";

const strippedOf = new RecentCache(32);
const plainOf = new RecentCache(32);
const verdicts = new RecentCache(16);

/**
 * The request `check`: `{parses, same_errors, same_javascript, same_text, reason, detail}`.
 *
 * A variant passes where it differs in nothing but what its renames declare:
 *   distractor   the text `new` was added: without it the variant must be the original
 *   alias        a type alias `new` of `old` was added
 *   annotation   one annotation was deleted or became `any`; errors may vanish, none may be new
 *   export       the export `old` is called `new`
 *   comment      the comment `old` went
 *   any other    the name `old` became `new`, in comments too
 * Errors are compared by code and by place as `error_places.mjs` counts it, which no shift of lines
 * changes; JavaScript as `alpha.mjs` does, and the text, with its types, as `tokens.mjs` does. The
 * reason names the first check that fails.
 */
export function check({ original, variant, renames }) {
  const before = original.prefix + original.gold + original.suffix;
  const after = variant.prefix + variant.gold + variant.suffix;
  const [error] = parse(after).parseDiagnostics;
  if (error) return { ...NOTHING, reason: "does_not_parse", detail: describe(error) };
  const { without, spans, aliases, problem } = takeOut(variant, renames);
  if (problem) return { ...NOTHING, parses: true, reason: "other_text", detail: problem };
  const moved = differenceOfHoles(original, without, renames);
  const key = JSON.stringify([before, after, renames]);
  const isItself = before === after && renames.length === 0;
  const compared = () =>
    compare(before, after, without.prefix + without.gold + without.suffix, {
      spans,
      aliases,
      isFixed: looksNamesUp(parse(before)) || looksNamesUp(parse(after)),
      nAnnotations: renames.filter(({ kind }) => kind === "annotation").length,
      exports: new Map(
        renames.filter(({ kind }) => kind === "export").map((each) => [each.old, each.new]),
      ),
      gone: renames.filter(({ kind }) => kind === "comment").map(({ old }) => old),
      isRenamed: renameTest(renames),
    });
  const verdict = isItself ? PASSED : verdicts.get(key, compared);
  return moved === undefined ? verdict : { ...verdict, reason: "hole_moved", detail: moved };
}

const NOTHING = { parses: false, same_errors: false, same_javascript: false, same_text: false };
const PASSED = {
  ...{ parses: true, same_errors: true, same_javascript: true, same_text: true },
  ...{ reason: null, detail: null },
};
const NAMES = new Set(["variable", "parameter", "function", "type"]);

function renameTest(renames) {
  const pairs = new Set(
    renames.filter(({ kind }) => NAMES.has(kind)).map((each) => `${each.old} ${each.new}`),
  );
  return (old, name) => pairs.has(`${old} ${name}`);
}

function compare(before, after, without, edit) {
  const errors =
    before === after
      ? undefined
      : differenceOfErrors(before, after, edit.spans, edit.nAnnotations > 0);
  const javascript = isSameWhenStripped(before, without, edit)
    ? undefined
    : differenceWhenEmitted(before, without, edit);
  const text = differenceOfTokens(before, without, edit);
  const passed = {
    parses: true,
    same_errors: errors === undefined,
    same_javascript: javascript === undefined,
    same_text: text === undefined,
  };
  const [reason, detail] = [
    ["other_errors", errors],
    [javascript?.reason, javascript?.detail],
    ["other_text", text],
    [null, null],
  ].find(([, found]) => found !== undefined);
  return { ...passed, reason, detail };
}

/**
 * Whether the texts are the same JavaScript with their types stripped. What is so is the same
 * when the compiler emits it, which keeps less of the imports and lowers both alike; what is not may
 * be, and takes six times as long to find out.
 */
export function isSameWhenStripped(before, after, edit) {
  const [was, is] = [before, after].map((text) =>
    strippedOf.get(text, () => strippedJavascript(text)),
  );
  if (was === undefined || is === undefined) return false;
  return differenceOfJavascript(was, is, edit) === undefined;
}

/** What sets the JavaScript apart that the compiler makes of two texts. */
export function differenceWhenEmitted(before, after, edit) {
  const [was, is] = [before, after].map((text) => plainOf.get(text, () => plainJavascript(text)));
  return differenceOfJavascript(was, is, edit);
}

function differenceOfHoles(original, variant, renames) {
  const was = annotationAt(parse(original.prefix + original.gold + original.suffix), original);
  const is = annotationAt(parse(variant.prefix + variant.gold + variant.suffix), variant);
  if (!was) return "no annotation stands at the original's hole";
  if (!is) return "no annotation stands at the variant's hole";
  if (was.index !== is.index) return `place ${was.index} for an annotation, then ${is.index}`;
  if (was.kind !== is.kind) return `a ${was.kind}, then a ${is.kind}`;
  if (original.gold !== variant.gold) return `${original.gold}, then ${variant.gold}`;
  // A computed name is an expression: what it says is the JavaScript's affair.
  const [oldName, newName] = [was, is].map(({ name }) => name?.text);
  const isRenamed = renames.some((rename) => rename.old === oldName && rename.new === newName);
  return oldName === newName || isRenamed ? undefined : `the hole of ${oldName}, then ${newName}`;
}

/** The first error that only one of two texts has. */
function differenceOfErrors(before, after, spans, mayVanish) {
  const [was, is] = [errorsByPlace(before), errorsByPlace(after, spans)];
  const [added] = missingErrors(is, was);
  if (added) return `only or oftener in the variant: ${added.detail}`;
  const [missing] = missingErrors(was, is);
  return missing && !mayVanish ? `only in the original: ${missing.detail}` : undefined;
}
