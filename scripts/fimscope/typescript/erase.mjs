// Programs as JavaScript: all types erased, by the compiler's own emit.

import { stripTypeScriptTypes } from "node:module";
import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { nodesOf } from "./nodes.mjs";
import { parse } from "./program.mjs";

const OPTIONS = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  noEmitHelpers: true,
  newLine: ts.NewLineKind.LineFeed,
};

// The holes of one program share the JavaScript of its larger units.
const erased = new RecentCache(64);

/** The JavaScript of a text, comments kept. */
export function erase(text) {
  return erased.get(text, () => emit(text, {}));
}

/**
 * The JavaScript that is left of a text when its types are blanked out; where it has enums,
 * namespaces or other syntax that is more than types, what that is in JavaScript. Undefined where it
 * has more than that. A fifth of the time of `plainJavascript`, which reads any text.
 */
export function strippedJavascript(text) {
  const plain = withoutAngles(text);
  for (const mode of ["strip", "transform"]) {
    try {
      return stripTypeScriptTypes(plain, { mode });
    } catch {
      // Left to the next mode, or to the compiler.
    }
  }
  return undefined;
}

/** `<T>x` as `(x)`: blanked out, the type would leave what `{}` or a line break makes of x alone. */
function withoutAngles(text) {
  const pieces = nodesOf(parse(text))
    .filter(ts.isTypeAssertionExpression)
    .flatMap((node) => [
      { start: node.getStart(), end: node.expression.getStart(), text: "(" },
      { start: node.end, end: node.end, text: ")" },
    ]);
  if (pieces.length === 0) return text;
  pieces.sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  let result = "";
  for (const { start, end, text: piece } of pieces) {
    result += text.slice(at, start) + piece;
    at = end;
  }
  return result + text.slice(at);
}

/** The JavaScript of a text for comparison: no comments, no syntax that is not yet ECMAScript. */
export function plainJavascript(text) {
  const options = {
    target: ts.ScriptTarget.ES2022,
    removeComments: true,
    experimentalDecorators: true,
  };
  return emit(text, options, { after: [withoutDefer] });
}

/** `import defer`, which the compiler leaves as it is, as an import. */
function withoutDefer(context) {
  const undefer = (statement) => {
    const clause = ts.isImportDeclaration(statement) && statement.importClause;
    if (clause?.phaseModifier !== ts.SyntaxKind.DeferKeyword) return statement;
    const { name, namedBindings } = clause;
    const { modifiers, moduleSpecifier, attributes } = statement;
    const plain = context.factory.updateImportClause(clause, undefined, name, namedBindings);
    return context.factory.updateImportDeclaration(
      statement,
      modifiers,
      plain,
      moduleSpecifier,
      attributes,
    );
  };
  return (sourceFile) => ts.visitEachChild(sourceFile, undefer, context);
}

/** The JavaScript of class members, object members or an expression: none parses alone. */
export function eraseFramed(text, frame) {
  const [open, close] = FRAMES[frame];
  const lines = erase(`${open}\n${text}\n${close}`).trimEnd().split("\n");
  return dedent(lines.slice(1, -1));
}

const FRAMES = {
  member: ["abstract class Frame {", "}"],
  property: ["({", "})"],
  expression: ["[", "]"],
};

function emit(text, options, transformers) {
  // After a byte order mark the compiler does not know the line that names the interpreter.
  const { outputText } = ts.transpileModule(text.replace(/^\ufeff(?=#!)/, ""), {
    fileName: "program.ts",
    compilerOptions: { ...OPTIONS, ...options },
    transformers,
  });
  return withoutEmptyExport(outputText);
}

// The compiler ends a module without imports and exports with a mark that the program has not.
function withoutEmptyExport(javascript) {
  return javascript.replace(/(^|\n)export \{\};\n$/, "$1");
}

function dedent(lines) {
  const filled = lines.filter((line) => line.trim() !== "");
  const indent = Math.min(...filled.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join("\n");
}
