// The proof that a variant is its original in other words. It knows nothing of the editor.

import ts from "typescript";

import { differenceOfJavascript } from "./alpha.mjs";
import { RecentCache } from "./cache.mjs";
import { plainJavascript } from "./erase.mjs";
import { annotationAt } from "./holes.mjs";
import { describe, errorsOf, parse } from "./program.mjs";
import { differenceOfTypeReferences } from "./type_references.mjs";

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

const countsOf = new RecentCache(16);
const javascriptOf = new RecentCache(32);
const verdicts = new RecentCache(16);

/**
 * The request `check`: `{parses, same_errors, same_javascript, reason, detail}`.
 *
 * A check after the first that fails is false too; the reason names the first that fails.
 */
export function check({ original, variant, renames }) {
  const before = original.prefix + original.gold + original.suffix;
  const after = variant.prefix + variant.gold + variant.suffix;
  const [error] = parse(after).parseDiagnostics;
  if (error) return failure("does_not_parse", describe(error), {});
  const moved = differenceOfHoles(original, variant, renames);
  const verdict = verdicts.get(JSON.stringify([before, after]), () => compare(before, after));
  return moved === undefined ? verdict : { ...verdict, reason: "hole_moved", detail: moved };
}

function compare(before, after) {
  if (before === after) {
    return { parses: true, same_errors: true, same_javascript: true, reason: null, detail: null };
  }
  const errors = differenceOfErrors(before, after) ?? differenceOfTypeReferences(before, after);
  const javascript = differenceOfJavascript(
    javascriptOf.get(before, () => plainJavascript(before)),
    javascriptOf.get(after, () => plainJavascript(after)),
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
  if (was.index !== is.index) return `annotation ${was.index} of the program, then ${is.index}`;
  if (was.kind !== is.kind) return `a ${was.kind}, then a ${is.kind}`;
  if (original.gold !== variant.gold) return `${original.gold}, then ${variant.gold}`;
  // A computed name is an expression: what it says is the JavaScript's affair.
  const [oldName, newName] = [was, is].map(({ name }) => name?.text);
  const isRenamed = renames.some((rename) => rename.old === oldName && rename.new === newName);
  return oldName === newName || isRenamed ? undefined : `the hole of ${oldName}, then ${newName}`;
}

/** The first type error, as line and code, that only one of two texts has. */
function differenceOfErrors(before, after) {
  const [was, is] = [before, after].map((text) => countsOf.get(text, () => countErrors(text)));
  const left = new Map(was);
  for (const [place, { count, detail }] of is) {
    if (left.get(place)?.count !== count) return `only or oftener in the variant: ${detail}`;
    left.delete(place);
  }
  const [missing] = left.values();
  return missing && `only in the original: ${missing.detail}`;
}

/** How often each error occurs on each line: "line code" -> {count, detail}. */
function countErrors(text) {
  const counts = new Map();
  for (const diagnostic of errorsOf(text)) {
    if (MISSING_MODULE.has(diagnostic.code)) continue;
    const { line } = parse(text).getLineAndCharacterOfPosition(diagnostic.start ?? 0);
    const key = `${line} ${PLAIN_CODE.get(diagnostic.code) ?? diagnostic.code}`;
    const known = counts.get(key);
    if (known) known.count += 1;
    else counts.set(key, { count: 1, detail: `${describe(diagnostic)} (TS${diagnostic.code})` });
  }
  return counts;
}
