// The edit `rename_types`: interfaces, aliases, classes, enums and type parameters.

import ts from "typescript";

import { RecentCache } from "../cache.mjs";
import { freshTypeNames } from "./names.mjs";
import { renamableSymbols, renameSite, withoutGold } from "./renaming.mjs";

const TYPES = {
  name: "types",
  meaning: ts.SymbolFlags.Type,
  isDeclaration: (node) =>
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassLike(node) ||
    ts.isEnumDeclaration(node) ||
    ts.isTypeParameterDeclaration(node),
};

const named = new RecentCache(32);

/** A site per type. A type has the same new name whatever hole is cut and whatever share. */
export function renameTypes(text, gold, { seed, exported, origin }) {
  const symbols = renamableSymbols(text, TYPES, exported);
  const names = named.get(`${seed} ${exported}\n${origin}\n${text}`, () => {
    const fresh = freshTypeNames(text, `${seed}\nrename_types\n${origin}`);
    return symbols.map(() => fresh.next().value);
  });
  return withoutGold(symbols, gold).map((each) => renameSite(each, names[each.rank], "type"));
}
