// The edits by name, and how they are carried out around a hole.

import ts from "typescript";

import { isModuleAlone, makeInStep } from "../foresight.mjs";
import { locate } from "../holes.mjs";
import { expectNames } from "../program.mjs";
import { Refusal } from "../refusal.mjs";
import { addDistractor } from "./add_distractor.mjs";
import { aliasTypes } from "./alias_types.mjs";
import { deleteAnnotations, maskAnnotations } from "./annotations.mjs";
import { configureCorpusNames, misleadingNames, naturalNames } from "./corpus_names.mjs";
import { configureNames, meaninglessNames } from "./names.mjs";
import { alignableNames, renameAligned } from "./rename_aligned.mjs";
import { renameTypes } from "./rename_types.mjs";
import { renameVars } from "./rename_vars.mjs";
import { chooseSites, replace, replaceAround } from "./sites.mjs";
import { stripComments } from "./strip_comments.mjs";

/**
 * Each edit: `(text, gold, options) -> sites`, every place where it could change something.
 *
 * gold     `{start, end}`, the hole's place in the text; no site touches it
 * options  `{seed, exported, origin, names}`; exported: names that the program exports change too;
 *          origin: the text before the first edit of a join; names: of `rename_aligned`, old to new
 * site     `{renames: [{old, new, kind}], replacements: [{start, end, text}]}`
 *
 * An edit whose sites depend on one another has `choose`, which is
 * given the share too and gives the sites of it; one that asks for errors has `search`, which does
 * the same as a generator of the texts that it asks for (foresight.mjs).
 */
const EDITS = new Map([
  ["strip_comments", { sites: stripComments }],
  ["rename_vars", { sites: renameVars }],
  ["rename_aligned", { sites: renameAligned }],
  ["misleading_names", { sites: misleadingNames }],
  ["natural_names", { sites: naturalNames }],
  ["rename_types", { sites: renameTypes }],
  ["alias_types", { search: aliasTypes }],
  ["delete_annotations", { search: deleteAnnotations }],
  ["mask_annotations", { search: maskAnnotations }],
  ["add_distractor", { choose: addDistractor }],
]);

/** The request `edit_names`. */
export function editNames() {
  return [...EDITS.keys()];
}

/** The request `new_names`: where all edits after it draw their names from. */
export function newNames({ syllables, listed, corpus }) {
  configureNames(syllables, listed);
  configureCorpusNames(corpus);
  return null;
}

/** The request `meaningless_names`: all that there are, the first to be tried first. */
export function meaningless({ seed }) {
  return meaninglessNames(`${seed}`);
}

/** The request `alignable_names`: those of a program that `rename_aligned` can change. */
export function alignable({ text, exported }) {
  return alignableNames(text, exported);
}

/**
 * The request `edit`: the steps `{name, dose, count}` of a join are carried out one after the
 * other, each on its own share of the sites. Refused where none of them finds anything to change.
 */
export function edit({ hole, before_name: beforeName, ...request }) {
  const [{ value, error }] = makeInStep([editing({ ...hole, before_name: beforeName }, request)]);
  if (error) throw error;
  return value;
}

/**
 * The request `edits`: what `edit` makes of each hole `{prefix, gold, suffix, before_name}`, or the
 * `{reason, detail}` of its refusal. They go on together: texts are read together in less time.
 */
export function edits({ holes, ...request }) {
  const texts = new Set(holes.map(({ prefix, gold, suffix }) => prefix + gold + suffix));
  expectNames([...texts].filter(isModuleAlone));
  return makeInStep(holes.map((hole) => editing(hole, request))).map(({ value, error }) => {
    if (error instanceof Refusal) return { reason: error.reason, detail: error.detail };
    if (error) throw error;
    return value;
  });
}

function* editing(hole, { steps, seed, exported, names }) {
  const origin = hole.prefix + hole.gold + hole.suffix;
  const options = { seed, exported, origin, names };
  let edited = hole;
  const renames = [];
  let isChanged = false;
  let name;
  for (const step of steps) {
    const change = EDITS.get(step.name);
    if (!change) throw new Refusal("edit_failed", `no edit is called ${JSON.stringify(step.name)}`);
    const { text, annotation } = locate(edited);
    const start = edited.prefix.length;
    const gold = { start, end: start + edited.gold.length };
    const chosen = yield* chosenSites(change, text, gold, options, step);
    const replacements = chosen.flatMap((site) => site.replacements);
    edited = replaceAround(text, gold, edited.before_name.length, replacements);
    name = keepsSyntax(chosen) ? nameAfter(annotation.name, replacements) : undefined;
    renames.push(...chosen.flatMap((site) => site.renames));
    isChanged ||= replacements.length > 0;
  }
  if (!isChanged) {
    const edits = steps.map(({ name }) => name).join("+");
    throw new Refusal("nothing_to_edit", `${edits} finds nothing to change`);
  }
  return { ...edited, name: name ?? locate(edited).annotation.name.getText(), renames };
}

function* chosenSites({ search, choose, sites }, text, gold, options, share) {
  if (search) return yield* search(text, gold, options, share);
  if (choose) return choose(text, gold, options, share);
  return chooseSites(sites(text, gold, options), share, options);
}

/** Whether sites put names for names alone, and none that could be read as a keyword. */
function keepsSyntax(sites) {
  return sites.every(({ renames }) =>
    renames.every(({ kind, new: name }) => NAMED.has(kind) && isPlainName(name)),
  );
}

const NAMED = new Set(["variable", "parameter", "function", "type", "export"]);

function isPlainName(name) {
  return /^[A-Za-z]+$/.test(name) && ts.stringToToken(name) === undefined;
}

/** The text of a name after replacements, of which none overlaps its ends. */
function nameAfter(node, replacements) {
  const [start, end] = [node.getStart(), node.end];
  const inside = replacements
    .filter((each) => each.start >= start && each.end <= end)
    .map((each) => ({ ...each, start: each.start - start, end: each.end - start }));
  return replace(node.getText(), inside);
}
