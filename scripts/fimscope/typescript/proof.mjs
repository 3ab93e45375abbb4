// The proof that a variant is its original in other words. It knows nothing of the editor.

import { takeOut } from "./additions.mjs";
import { differenceOfJavascript } from "./alpha.mjs";
import { RecentCache } from "./cache.mjs";
import { plainJavascript } from "./erase.mjs";
import { errorsByPlace, missingErrors } from "./error_places.mjs";
import { annotationAt } from "./holes.mjs";
import { describe, parse } from "./program.mjs";
import { differenceOfTypes } from "./written_types.mjs";

const javascriptOf = new RecentCache(32);
const verdicts = new RecentCache(16);

/**
 * The request `check`: `{parses, same_errors, same_javascript, reason, detail}`.
 *
 * A variant passes where it differs in nothing but what its renames declare:
 *   distractor   the text `new` was added: without it the variant must be the original
 *   alias        a type alias `new` of `old` was added
 *   annotation   one annotation was deleted or became `any`; errors may vanish, none may be new
 *   export       the export `old` is called `new`
 *   any other    the name `old` became `new`, or the comment `old` went
 * Errors are compared by code and by place as `error_places.mjs` counts it, which no shift of lines
 * changes. A check after the first that fails is false too; the reason names the first that fails.
 */
export function check({ original, variant, renames }) {
  const before = original.prefix + original.gold + original.suffix;
  const after = variant.prefix + variant.gold + variant.suffix;
  const [error] = parse(after).parseDiagnostics;
  if (error) return failure("does_not_parse", describe(error), {});
  const { without, spans, aliases, problem } = takeOut(variant, renames);
  if (problem) return failure("other_javascript", problem, { parses: true });
  const moved = differenceOfHoles(original, without, renames);
  const key = JSON.stringify([before, after, renames]);
  const verdict = verdicts.get(key, () =>
    compare({
      before,
      after,
      without: without.prefix + without.gold + without.suffix,
      spans,
      aliases,
      nAnnotations: ofKind(renames, "annotation").length,
      exports: new Map(ofKind(renames, "export").map((rename) => [rename.old, rename.new])),
    }),
  );
  return moved === undefined ? verdict : { ...verdict, reason: "hole_moved", detail: moved };
}

function ofKind(renames, kind) {
  return renames.filter((rename) => rename.kind === kind);
}

function compare({ before, after, without, spans, aliases, nAnnotations, exports }) {
  const errors =
    before === after
      ? undefined
      : (differenceOfErrors(before, after, spans, nAnnotations > 0) ??
        differenceOfTypes(before, without, aliases, nAnnotations, exports));
  const javascript = differenceOfJavascript(
    javascriptOf.get(before, () => plainJavascript(before)),
    javascriptOf.get(without, () => plainJavascript(without)),
    exports,
  );
  const passed = { same_errors: errors === undefined, same_javascript: javascript === undefined };
  if (errors !== undefined) return failure("other_errors", errors, { parses: true, ...passed });
  if (javascript !== undefined) {
    return failure("other_javascript", javascript, { parses: true, ...passed });
  }
  return { parses: true, ...passed, reason: null, detail: null };
}

function failure(reason, detail, passed) {
  const none = { parses: false, same_errors: false, same_javascript: false };
  return { ...none, ...passed, reason, detail };
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
