// The edits `natural_names` and `misleading_names`: variables are called as the corpus calls
// variables of the same type, or of another.

import ts from "typescript";

import { typed } from "../program.mjs";
import { Refusal } from "../refusal.mjs";
import { generator, shuffle } from "./random.mjs";
import { renamableSymbols, renameSite, withoutGold } from "./renaming.mjs";
import { groupOf } from "./type_groups.mjs";
import { kindOf, VARIABLES } from "./variables.mjs";

// A name suggests a group of types where so many of its uses in the corpus are of that group.
const LEAST_SHARE = 0.8;

// The groups that are types of a kind: of `any`, of mixed unions and of nothing a name says little.
const MISLEADING = new Set(
  "string number boolean list map promise function object".split(" "),
);

let tables;

/**
 * Configure the names of the corpus: `{value: {type: {name: uses}}, function: {...}}`, those of
 * parameters by their type and those of functions by their return type; null for none.
 */
export function configureCorpusNames(uses) {
  tables = uses && new Map(Object.entries(uses).map(([kind, types]) => [kind, tableOf(types)]));
}

/** By type and by group of types all names; by group those that suggest it and no other group. */
function tableOf(types) {
  const byType = new Map();
  const byGroup = new Map();
  const totals = new Map();
  for (const [type, names] of Object.entries(types)) {
    byType.set(type, Object.keys(names));
    const group = groupOf(type);
    if (!byGroup.has(group)) byGroup.set(group, new Map());
    for (const [name, n] of Object.entries(names)) {
      byGroup.get(group).set(name, (byGroup.get(group).get(name) ?? 0) + n);
      totals.set(name, (totals.get(name) ?? 0) + n);
    }
  }
  const suggestive = new Map();
  for (const [group, names] of byGroup) {
    const own = [...names].filter(([name, n]) => n >= LEAST_SHARE * totals.get(name));
    suggestive.set(group, own.map(([name]) => name));
  }
  return { byType, byGroup, suggestive };
}

/** A site per symbol for whose type the corpus has another name. */
export function naturalNames(text, gold, options) {
  return namedSites(text, gold, options, "natural_names", ({ byType, byGroup }, type, random) => [
    ...shuffle([...(byType.get(type) ?? [])], random),
    ...shuffle([...(byGroup.get(groupOf(type))?.keys() ?? [])], random),
  ]);
}

/** A site per symbol whose type is known and for which the corpus has a name of another type. */
export function misleadingNames(text, gold, options) {
  return namedSites(text, gold, options, "misleading_names", ({ suggestive }, type, random) => {
    const group = groupOf(type);
    const others = [...suggestive].filter(([other]) => other !== group && MISLEADING.has(other));
    return MISLEADING.has(group) ? shuffle(others.flatMap(([, names]) => names), random) : [];
  });
}

function namedSites(text, gold, { seed, exported, origin }, edit, candidates) {
  if (!tables) throw new Refusal("edit_failed", `${edit} needs the names of a corpus`);
  const { checker } = typed(text);
  const random = generator(`${seed}\n${edit}\n${origin}`);
  const taken = new Set(text.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
  const chosen = new Map();
  // Variables of one name and one type share their new name: shadowing stays as it was.
  const nameOf = (symbol) => {
    const kind = kindOf(symbol) === "function" || isFunction(symbol) ? "function" : "value";
    const type = typeText(symbol, checker);
    const key = `${symbol.name} ${kind} ${type}`;
    if (!chosen.has(key)) {
      const names = candidates(tables.get(kind), type, random);
      const name = names.find((each) => !taken.has(each) && !isReserved(each));
      if (name) taken.add(name);
      chosen.set(key, name);
    }
    return chosen.get(key);
  };
  const symbols = renamableSymbols(text, VARIABLES, exported);
  const names = symbols.map(({ symbol }) => nameOf(symbol));
  return withoutGold(symbols, gold)
    .filter(({ rank }) => names[rank] !== undefined)
    .map((each) => renameSite(each, names[each.rank], kindOf(each.symbol)));
}

/** A variable that holds a function is named as functions are. */
function isFunction(symbol) {
  const { initializer } = symbol.declarations[0];
  return initializer && (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer));
}

/** The type as it is written, or else as the checker spells it; of a function what it returns. */
function typeText(symbol, checker) {
  const [declaration] = symbol.declarations;
  const owner = isFunction(symbol) ? declaration.initializer : declaration;
  if (owner.type) return owner.type.getText();
  if (ts.isFunctionLike(owner)) {
    const signature = checker.getSignatureFromDeclaration(owner);
    return signature ? checker.typeToString(checker.getReturnTypeOfSignature(signature)) : "any";
  }
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
  return checker.typeToString(checker.getBaseTypeOfLiteralType(type));
}

// What a module may not declare, or what would hide a value that the language itself means.
const SPECIAL = new Set(["arguments", "await", "eval", "Infinity", "NaN", "undefined"]);

function isReserved(name) {
  const kind = ts.stringToToken(name);
  const isKeyword = kind !== undefined && kind <= ts.SyntaxKind.LastFutureReservedWord;
  return isKeyword || SPECIAL.has(name);
}
