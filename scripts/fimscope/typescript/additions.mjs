// What an edit says that it has added to a program, found in it and taken out again.

import ts from "typescript";

import { parse } from "./program.mjs";

/**
 * `{without, spans, aliases}`, or `{problem}`: the variant's parts without its distractors, the
 * places of all that was added in the whole variant, and the added aliases by name, as declarations
 * in the text without distractors.
 *
 * A distractor is whole statements of the file that declare names found nowhere else and run
 * nothing. An alias is a statement `type New = old;` or `type New<A> = old<A>;`.
 */
export function takeOut(variant, renames) {
  const text = variant.prefix + variant.gold + variant.suffix;
  const distractors = renames.filter(({ kind }) => kind === "distractor");
  const spans = [];
  const without = { ...variant };
  for (const { new: added } of distractors) {
    const start = text.indexOf(added);
    if (added === "" || start < 0 || text.indexOf(added, start + 1) >= 0) {
      return { problem: "a distractor does not stand once in the variant" };
    }
    spans.push({ start, end: start + added.length });
    const side = start < variant.prefix.length ? "prefix" : "suffix";
    const rest = without[side].split(added);
    if (rest.length !== 2) return { problem: "a distractor stands across the hole" };
    without[side] = rest.join("");
  }
  const textWithout = without.prefix + without.gold + without.suffix;
  const problem = problemOfDistractors(parse(text), spans, textWithout);
  if (problem) return { problem };

  const aliases = new Map();
  for (const { old, new: name } of renames.filter(({ kind }) => kind === "alias")) {
    for (const [source, isWhole] of [
      [parse(text), true],
      [parse(textWithout), false],
    ]) {
      const declaration = source.statements.find((each) => isAliasOf(each, name, old));
      if (!declaration) return { problem: `no statement makes ${name} an alias of ${old}` };
      if (isWhole) spans.push({ start: declaration.pos, end: declaration.end });
      else aliases.set(name, declaration);
    }
  }
  return { without, spans, aliases };
}

function problemOfDistractors(sourceFile, spans, textWithout) {
  for (const { start, end } of spans) {
    const touched = sourceFile.statements.filter(
      (each) => each.getStart() < end && each.end > start,
    );
    const isWhole = touched.every((each) => each.getStart() >= start && each.end <= end);
    if (touched.length === 0 || !isWhole) return "a distractor is not whole statements of the file";
    for (const statement of touched) {
      const names = declaredNames(statement);
      if (!names) return "a distractor does more than declare";
      const used = names.find((name) => isWord(name, textWithout));
      if (used) return `the distractor's ${used} has another use in the program`;
    }
  }
  return undefined;
}

/** The names that a statement declares, where it does nothing else. */
function declaredNames(statement) {
  const isAsync = ({ kind }) => kind === ts.SyntaxKind.AsyncKeyword;
  if (!(statement.modifiers ?? []).every(isAsync)) return undefined;
  if (ts.isFunctionDeclaration(statement)) return [statement.name.text];
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    return [statement.name.text];
  }
  if (!ts.isVariableStatement(statement)) return undefined;
  const { declarations } = statement.declarationList;
  const isConstant = ({ name, initializer }) =>
    ts.isIdentifier(name) && initializer !== undefined && isInert(initializer);
  return declarations.every(isConstant) ? declarations.map(({ name }) => name.text) : undefined;
}

function isInert(value) {
  if (ts.isArrayLiteralExpression(value)) return value.elements.every(isInert);
  return ts.isLiteralExpression(value) || ts.isArrowFunction(value);
}

function isWord(name, text) {
  return new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`).test(text);
}

function isAliasOf(statement, name, old) {
  if (!ts.isTypeAliasDeclaration(statement) || statement.name.text !== name) return false;
  if (statement.modifiers?.length) return false;
  const { type, typeParameters } = statement;
  if (!ts.isTypeReferenceNode(type)) return !typeParameters && type.getText() === old;
  const given = type.typeArguments?.map((each) => each.getText()) ?? [];
  const taken = typeParameters?.map((each) => each.getText()) ?? [];
  return type.typeName.getText() === old && given.join() === taken.join();
}
