// The edits by name, and how they are carried out around a hole.

import { locate } from "../holes.mjs";
import { Refusal } from "../refusal.mjs";
import { renameVars } from "./rename_vars.mjs";

/**
 * Each edit: `(text, gold, seed) -> {replacements, renames}`, where gold is `{start, end}`, the
 * hole's place in the text, and a replacement is `{start, end, text}`; none may touch the gold.
 */
const EDITS = new Map([["rename_vars", renameVars]]);

/** The request `edit_names`. */
export function editNames() {
  return [...EDITS.keys()];
}

/** The request `edit`: edits joined by `+` are carried out one after the other. */
export function edit({ edit: name, hole, before_name: beforeName, seed }) {
  let edited = { ...hole, before_name: beforeName };
  const renames = [];
  let isChanged = false;
  for (const part of name.split("+")) {
    const change = EDITS.get(part);
    if (!change) throw new Refusal("edit_failed", `no edit is called ${JSON.stringify(part)}`);
    const { text } = locate(edited);
    const start = edited.prefix.length;
    const gold = { start, end: start + edited.gold.length };
    const { replacements, renames: carriedOut } = change(text, gold, seed);
    edited = replaceAround(text, gold, edited.before_name.length, replacements);
    renames.push(...carriedOut);
    isChanged ||= replacements.length > 0;
  }
  if (!isChanged) throw new Refusal("nothing_to_edit", `${name} finds nothing to change`);
  const annotation = locate(edited).annotation;
  return { ...edited, name: annotation.name.getText(), renames };
}

function replaceAround(text, gold, nameStart, replacements) {
  const ordered = [...replacements].sort((a, b) => a.start - b.start);
  let previousEnd = 0;
  for (const { start, end } of ordered) {
    if (start < previousEnd || (start < gold.end && end > gold.start)) {
      throw new Refusal("edit_failed", "two replacements, or one and the gold, overlap");
    }
    previousEnd = end;
  }
  const replaced = (from, to) => {
    let result = "";
    let at = from;
    for (const replacement of ordered) {
      if (replacement.start < from || replacement.end > to) continue;
      result += text.slice(at, replacement.start) + replacement.text;
      at = replacement.end;
    }
    return result + text.slice(at, to);
  };
  return {
    prefix: replaced(0, gold.start),
    gold: text.slice(gold.start, gold.end),
    suffix: replaced(gold.end, text.length),
    before_name: replaced(0, nameStart),
  };
}
