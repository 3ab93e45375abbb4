// How every text is parsed.

import ts from "typescript";

// To all that reads a tree JSDoc is a comment like any other; and where one has no end, as in
// `{ /** call-al`, the parser of JSDoc may have none either.
export const PARSING = {
  languageVersion: ts.ScriptTarget.ESNext,
  jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
};
