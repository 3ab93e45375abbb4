// The edit `rename_vars`: every local variable, parameter and function gets a meaningless name.

import ts from "typescript";

import { RecentCache } from "../cache.mjs";
import { freshNames } from "./names.mjs";
import { renamableSymbols, renameSite, withoutGold } from "./renaming.mjs";
import { kindOf, VARIABLES } from "./variables.mjs";

const named = new RecentCache(32);

/** A site per symbol. A symbol has the same new name whatever hole is cut and whatever share. */
export function renameVars(text, gold, { seed, exported, origin }) {
  const symbols = renamableSymbols(text, VARIABLES, exported);
  const key = `${seed} ${exported}\n${origin}\n${text}`;
  const names = named.get(key, () => nameSymbols(symbols, freshNames(text, `${seed}\n${origin}`)));
  return withoutGold(symbols, gold).map((each) =>
    renameSite(each, names[each.rank], kindOf(each.symbol)),
  );
}

/** Parameters of one name in the signatures of one overloaded function share their new name. */
function nameSymbols(symbols, names) {
  const shared = new Map();
  return symbols.map(({ symbol }) => {
    const key = overloadKey(symbol);
    const name = (key && shared.get(key)) ?? names.next().value;
    if (key) shared.set(key, name);
    return name;
  });
}

function overloadKey(symbol) {
  const [declaration] = symbol.declarations;
  if (!ts.isParameter(declaration)) return undefined;
  const owner = declaration.parent;
  const overloaded = owner.symbol?.declarations;
  if (!overloaded || overloaded.length < 2) return undefined;
  return `${ts.getSymbolId(owner.symbol)} ${symbol.name}`;
}
