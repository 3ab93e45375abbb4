// The errors of programs by the JavaScript compiler, which the native one must find too.

import ts from "typescript";

const OPTIONS = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  strict: true,
  noResolve: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  noEmit: true,
};
const libs = new Map();

/** The diagnostics of each text, of all read as one project. */
export function javascriptErrors(texts) {
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile } = host;
  const files = new Map(texts.map((text, n) => [`/${n}.ts`, text]));
  host.getSourceFile = (name, ...rest) => {
    if (files.has(name)) return ts.createSourceFile(name, files.get(name), OPTIONS.target, true);
    if (!libs.has(name)) libs.set(name, getSourceFile(name, ...rest));
    return libs.get(name);
  };
  const program = ts.createProgram([...files.keys()], OPTIONS, host);
  return [...files.keys()].map((name) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
}
