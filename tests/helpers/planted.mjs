// Small changes of a TypeScript program, by its syntax: each makes another program of it.
//
// Reads the program from stdin, writes `[{what, start, end, text}]`, a replacement each, in order.

import ts from "typescript";

const OTHER_WORDS = new Map(
  [
    ["abstract", "declare"],
    ["as", "satisfies"],
    ["const", "let"],
    ["declare", "export"],
    ["export", "declare"],
    ["extends", "implements"],
    ["false", "true"],
    ["get", "set"],
    ["in", "out"],
    ["interface", "class"],
    ["keyof", "readonly"],
    ["let", "var"],
    ["namespace", "module"],
    ["number", "string"],
    ["private", "public"],
    ["protected", "private"],
    ["public", "protected"],
    ["readonly", "declare"],
    ["satisfies", "as"],
    ["string", "number"],
    ["true", "false"],
    ["type", "typeof"],
    ["unknown", "any"],
    ["void", "undefined"],
    ["&", "|"],
    ["&&", "||"],
    ["+", "-"],
    ["-", "+"],
    ["=", "+="],
    ["===", "!=="],
    ["=>", "=> void"],
    ["?", ""],
    ["??", "||"],
    ["|", "&"],
  ],
);

const text = await new Response(process.stdin).text();
const sourceFile = ts.createSourceFile("/program.ts", text, ts.ScriptTarget.ESNext, true);
const changes = new Map();

function change(what, start, end, written) {
  // Semicolons and white space alone may change.
  const plain = (part) => part.replaceAll(/[;\s]/g, "");
  if (plain(text.slice(start, end)) === plain(written)) return;
  changes.set(`${start} ${end} ${written}`, { what, start, end, text: written });
}

function changeToken(token) {
  const [start, end] = [token.getStart(), token.end];
  const word = text.slice(start, end);
  if (word === ";" || word === "") return;
  if (ts.isIdentifier(token)) change("name", start, end, "planted");
  else if (ts.isPrivateIdentifier(token)) change("private name", start, end, "#planted");
  else if (ts.isStringLiteral(token)) change("string", start, end, '"planted"');
  else if (ts.isNumericLiteral(token)) change("number", start, end, "77");
  else if (ts.isBigIntLiteral(token)) change("bigint", start, end, "77n");
  else if (ts.isRegularExpressionLiteral(token)) change("pattern", start, end, "/planted/");
  else if (ts.isTemplateLiteralToken(token)) change("template", start + 1, start + 1, "planted");
  else {
    change("token gone", start, end, "");
    if (OTHER_WORDS.has(word)) change("another token", start, end, OTHER_WORDS.get(word));
  }
}

/** Elements of a list: each gone, doubled, and exchanged with the next. */
function changeList(list) {
  const elements = list.getChildren().filter((child) => child.kind !== ts.SyntaxKind.CommaToken);
  for (const [index, element] of elements.entries()) {
    const [start, end] = [element.getStart(), element.end];
    const next = elements[index + 1];
    const content = text.slice(start, end);
    change("element gone", start, next?.getStart() ?? end, "");
    const isApart = text.slice(end, next?.getStart() ?? end).includes(",");
    change("element doubled", start, end, `${content}${isApart ? ", " : "\n"}${content}`);
    if (next) {
      const between = text.slice(end, next.getStart());
      change(
        "elements exchanged",
        start,
        next.end,
        text.slice(next.getStart(), next.end) + between + content,
      );
    }
  }
}

function visit(node) {
  const children = node.getChildren().filter(({ kind }) => !isJsDoc(kind));
  if (children.length === 0 && node.kind !== ts.SyntaxKind.SyntaxList) {
    changeToken(node);
    return;
  }
  if (node.kind === ts.SyntaxKind.SyntaxList) changeList(node);
  if (ts.isTypeNode(node)) {
    for (const type of ["unknown", "planted"]) change("type", node.getStart(), node.end, type);
  }
  if (ts.isInterfaceDeclaration(node) || ts.isClassLike(node) || ts.isTypeLiteralNode(node)) {
    change("member added", node.end - 1, node.end - 1, " planted?: 1; ");
  }
  if (ts.isEnumDeclaration(node)) change("member added", node.end - 1, node.end - 1, ", planted");
  if (ts.isEnumMember(node) && !node.initializer) change("value", node.end, node.end, " = 77");
  for (const child of children) visit(child);
}

function isJsDoc(kind) {
  return kind >= ts.SyntaxKind.FirstJSDocNode && kind <= ts.SyntaxKind.LastJSDocNode;
}

visit(sourceFile);
process.stdout.write(JSON.stringify([...changes.values()]));
