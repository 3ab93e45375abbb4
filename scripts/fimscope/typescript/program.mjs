// The compiler's view of one program: its syntax tree, its types, its JavaScript.

import path from "node:path";
import ts from "typescript";

import { RecentCache } from "./cache.mjs";
import { withinLimits } from "./limits.mjs";
import { nativeErrors } from "./native.mjs";
import { PARSING } from "./parsing.mjs";
import { Refusal } from "./refusal.mjs";

const PROGRAM_FILE = "/program.ts";

const OPTIONS = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  // A file without import or export is a program of its own too: its names are not the page's.
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  strict: true,
  noResolve: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  noEmit: true,
};

const LIB_FOLDER = path.dirname(ts.getDefaultLibFilePath(OPTIONS));
const libFiles = new Map();
const parsedFiles = new RecentCache(64);
const checkers = new RecentCache(4);
const SHARING = 16; // texts of one checker that knows names alone
const scopes = new WeakMap(); // checkers by the syntax trees that they know
const errors = new RecentCache(384);
let expected = [];
// Lends the next program the lib files that it has found.
let previousProgram;

/** The syntax tree of a text, errors or not, with parent links. Throws Refusal `too_complex`. */
export function parse(text) {
  return parsedFiles.get(text, () => {
    const sourceFile = withinLimits(text, () =>
      ts.createSourceFile(PROGRAM_FILE, readable(text), PARSING, false),
    );
    sourceFile.externalModuleIndicator ??= true;
    return sourceFile;
  });
}

/**
 * A text in which the compiler reads what a file of it would be, place for place: after a byte
 * order mark, which it takes from a file, it does not know the line that names the interpreter.
 */
function readable(text) {
  return text.startsWith("\ufeff#!") ? `// ${text.slice(3)}` : text;
}

/** The syntax tree of a text, undefined where it is too complex. */
export function parseBearable(text) {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The syntax tree of a text that must be whole TypeScript. Throws Refusal `syntax_error`. */
export function parseWhole(text) {
  const sourceFile = parse(text);
  const [error] = sourceFile.parseDiagnostics;
  if (error) {
    throw new Refusal("syntax_error", isJsx(text) ? "JSX is not supported" : describe(error));
  }
  return sourceFile;
}

/** The syntax tree of a text, and the type checker of its program; imports are not resolved. */
export function typed(text) {
  return checkers.get(text, () => {
    const sourceFile = parse(text);
    return { sourceFile, checker: programOf(sourceFile).getTypeChecker() };
  });
}

/**
 * Have `scoped` read texts together that are modules and no more, some at a time, when it is asked
 * for one of them: one checker of all takes half of the time of one for each.
 */
export function expectNames(texts) {
  const all = [...new Set(texts)];
  const n = Math.ceil(all.length / SHARING);
  expected = Array.from({ length: n }, (_, i) => all.slice(i * SHARING, (i + 1) * SHARING));
}

/**
 * The syntax tree of a text, and a checker that knows which of the program's own declarations a
 * name refers to, at a fraction of the cost: it has no library, so its types are not to be asked.
 */
export function scoped(text) {
  const sourceFile = parse(text);
  if (!scopes.has(sourceFile)) {
    const group = expected.find((texts) => texts.includes(text)) ?? [];
    expected = expected.filter((texts) => texts !== group);
    const others = group.filter((each) => each !== text);
    shareScope([sourceFile, ...others.map(parseBearable).filter((each) => each !== undefined)]);
  }
  return { sourceFile, checker: scopes.get(sourceFile) };
}

function shareScope(sourceFiles) {
  const files = new Map(sourceFiles.map((each, i) => [i ? `/program${i}.ts` : PROGRAM_FILE, each]));
  const program = ts.createProgram({
    rootNames: [...files.keys()],
    options: { ...OPTIONS, lib: undefined, noLib: true },
    // No import finds one of the texts.
    host: { ...HOST, getSourceFile: (name) => files.get(name), fileExists: () => false },
  });
  const checker = program.getTypeChecker();
  for (const each of sourceFiles) scopes.set(each, checker);
}

/** All errors of a text, in syntax and in types: `{start, length, code, category, message}`. */
export function errorsOf(text) {
  return errors.get(text, () => nativeErrors([readable(text)])[0]);
}

/** Whether the errors of a text are known already. */
export function hasErrorsOf(text) {
  return errors.has(text);
}

/** The errors of texts that are modules and no more, found together and kept for `errorsOf`. */
export function findErrors(texts) {
  const found = nativeErrors(texts.map(readable));
  texts.forEach((text, index) => errors.get(text, () => found[index]));
}

function programOf(sourceFile) {
  previousProgram = ts.createProgram({
    rootNames: [PROGRAM_FILE],
    options: OPTIONS,
    host: hostOf(sourceFile),
    oldProgram: previousProgram,
  });
  return previousProgram;
}

/** "line 3: ';' expected." */
export function describe(diagnostic) {
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
  if (!diagnostic.file) return message;
  const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  return `line ${line + 1}: ${message}`;
}

function isJsx(text) {
  const asJsx = ts.createSourceFile("/program.tsx", text, PARSING);
  return asJsx.parseDiagnostics.length === 0;
}

function hostOf(sourceFile) {
  return {
    ...HOST,
    getSourceFile: (name) => (name === PROGRAM_FILE ? sourceFile : libFile(name)),
    fileExists: (name) => name === PROGRAM_FILE || libFile(name) !== undefined,
  };
}

const HOST = {
  getDefaultLibFileName: () => "lib.esnext.full.d.ts",
  getDefaultLibLocation: () => LIB_FOLDER,
  getCurrentDirectory: () => "/",
  getCanonicalFileName: (name) => name,
  useCaseSensitiveFileNames: () => true,
  getNewLine: () => "\n",
  readFile: () => undefined,
  directoryExists: () => false,
  getDirectories: () => [],
  writeFile: () => {},
};

// Only the compiler's own lib files are ever read from the disk, and each of them once.
function libFile(name) {
  if (path.dirname(name) !== LIB_FOLDER) return undefined;
  if (!libFiles.has(name)) {
    const text = ts.sys.readFile(name);
    libFiles.set(
      name,
      text === undefined ? undefined : ts.createSourceFile(name, text, OPTIONS.target, false),
    );
  }
  return libFiles.get(name);
}
