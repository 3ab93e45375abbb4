// The type that a model's completion spells, by the compiler's parser.

import ts from "typescript";

const LONGEST = 20_000;

/** The request `type_texts`: for each `[completion, kind]` its first type's text, or "". */
export function typeTexts({ completions }) {
  return completions.map(([completion, kind]) => firstType(completion.slice(0, LONGEST), kind));
}

function firstType(completion, kind) {
  const before = kind === "return" ? "function f(): " : "function f(a: ";
  const sourceFile = ts.createSourceFile(
    "/completion.ts",
    before + completion,
    ts.ScriptTarget.ESNext,
    true,
  );
  const [statement] = sourceFile.statements;
  if (!statement || !ts.isFunctionDeclaration(statement)) return "";
  const type = kind === "return" ? statement.type : statement.parameters[0]?.type;
  if (!type || type.getStart() < before.length || !isWhole(type)) return "";
  return type.getText();
}

function isWhole(node) {
  if (node.end === node.getStart() || node.flags & ts.NodeFlags.ThisNodeHasError) return false;
  // `?`, `*` and `string?` are types in JSDoc only.
  if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) {
    return false;
  }
  return ts.forEachChild(node, (child) => !isWhole(child)) !== true;
}
