// The edit `rename_aligned`: as `rename_vars`, with names that a tokenizer's owner has chosen.

import { Refusal } from "../refusal.mjs";
import { renamableSymbols, renameSite, withoutGold } from "./renaming.mjs";
import { kindOf, VARIABLES } from "./variables.mjs";

/** A site per symbol whose name has a new one; symbols of one name share it. */
export function renameAligned(text, gold, { exported, names }) {
  if (!names) throw new Refusal("edit_failed", "rename_aligned needs names chosen by a tokenizer");
  return withoutGold(renamableSymbols(text, VARIABLES, exported), gold)
    .filter((symbol) => isPlain(symbol) && Object.hasOwn(names, symbol.old))
    .map((each) => renameSite(each, names[each.old], kindOf(each.symbol)));
}

/** The names that `rename_vars` changes, and whether a new one takes no more place: `[name, can]`. */
export function alignableNames(text, exported) {
  const found = new Map();
  for (const symbol of renamableSymbols(text, VARIABLES, exported)) {
    found.set(symbol.old, found.get(symbol.old) || isPlain(symbol));
  }
  return [...found];
}

/** Whether a new name is written in the place of the old one alone: not so in `{name}`. */
function isPlain({ uses }) {
  return uses.every(({ before, after }) => before === "" && after === "");
}
