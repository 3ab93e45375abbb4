// Type errors from the native compiler: one process of it, told a few texts at a time.
//
// The one place that knows its API, which is not stable: package.json pins its exact version.

import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { API } from "typescript-native/unstable/sync";

import { gaveUp } from "./limits.mjs";

const FOLDER = "/program";
const CONFIG = `${FOLDER}/tsconfig.json`;
// So many texts are checked by one checker, which takes half of the time of a text that has its own.
export const TOGETHER = 16;
// In the names of their files: a text that imports such a name would find another text.
export const OWN_NAME = "fimscope_text_";
const FILES = Array.from({ length: TOGETHER }, (_, index) => `${FOLDER}/${OWN_NAME}${index}.ts`);

const OPTIONS = {
  target: "esnext",
  module: "esnext",
  moduleResolution: "bundler",
  // A file without import or export is a program of its own too: its names are not the page's.
  moduleDetection: "force",
  lib: ["esnext", "dom", "dom.iterable"],
  types: [],
  strict: true,
  noResolve: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  noEmit: true,
};

// How it ends of a text: it aborts, or breaks its memory.
const OWN_SIGNALS = new Set(["SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"]);
const LAST_MILLISECONDS = 2000; // for the word of its end to come

// The service's workers share the cores: each has one.
process.env.GOMAXPROCS ??= "1";
// Half as many collections take it 50 MB more, and a seventh of the time less.
process.env.GOGC ??= "200";

let compiler;

/**
 * For each of at most TOGETHER texts all its errors, in syntax and in types, as `{start, length,
 * code, category, message}` in UTF-16 units. Imports are not resolved; nothing but the compiler's
 * own lib files is read.
 *
 * The texts are the modules of one program, which must not add to its globals where they are
 * several; no text adds to those of the next program. Throws NativeFailure where the compiler fails
 * twice on them.
 */
export function nativeErrors(texts) {
  try {
    return errorsOf(texts);
  } catch {
    // What it fails on may be what an earlier text has left there.
    end();
  }
  try {
    return errorsOf(texts);
  } catch (error) {
    const failed = compiler;
    compiler = undefined;
    throw new NativeFailure(error, failed);
  }
}

function errorsOf(texts) {
  if (compiler?.isAlive() !== true) compiler = new Compiler();
  const errors = compiler.errors(texts);
  if (errors.some(gaveUp)) end(); // it would keep the gigabyte that this has taken
  return errors;
}

function end() {
  compiler?.close();
  compiler = undefined;
}

/** The native compiler fails on a text: by its own fault, or ended from outside. */
export class NativeFailure extends Error {
  constructor(error, failed) {
    super(`the native compiler: ${String(error?.message ?? error).slice(0, 300)}`);
    this.failed = failed;
  }

  /** Whether the compiler could not start, or was ended by a signal that it does not send itself. */
  async isFromOutside() {
    if (this.failed === undefined) return true;
    const { child } = this.failed.api.client.channel;
    if (this.failed.isAlive()) await Promise.race([once(child, "exit"), delay(LAST_MILLISECONDS)]);
    const { signalCode } = child;
    this.failed.close();
    return signalCode !== null && !OWN_SIGNALS.has(signalCode);
  }
}

class Compiler {
  constructor() {
    const config = { compilerOptions: OPTIONS, files: FILES.map((file) => path.basename(file)) };
    this.files = new Map([
      [CONFIG, JSON.stringify(config)],
      ...FILES.map((file) => [file, ""]),
    ]);
    const libFolder = `${findLibFolder()}/`;
    this.api = new API({
      cwd: FOLDER,
      fs: {
        // To answer undefined sends the compiler to the disk.
        readFile: (name) => this.files.get(name) ?? (name.startsWith(libFolder) ? undefined : null),
        fileExists: (name) => this.files.has(name) || (name.startsWith(libFolder) && undefined),
        directoryExists: (name) => name === FOLDER,
        getAccessibleEntries: () => ({ files: [], directories: [] }),
        realpath: (name) => name,
      },
    });
    this.snapshot = this.api.updateSnapshot({ openProjects: [CONFIG] });
  }

  errors(texts) {
    // The compiler's own reading of its input bears no half of a surrogate pair.
    const wanted = FILES.map((_, index) => (texts[index] ?? "").toWellFormed());
    const changed = FILES.filter((file, index) => this.files.get(file) !== wanted[index]);
    FILES.forEach((file, index) => this.files.set(file, wanted[index]));
    const snapshot = this.api.updateSnapshot({ fileChanges: { changed } });
    this.snapshot.dispose();
    this.snapshot = snapshot;
    const { program } = snapshot.getProject(CONFIG);
    return texts.map((_, index) => {
      const file = FILES[index];
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      return found.map(({ pos, end, code, category, text: message }) => {
        return { start: pos, length: end - pos, code, category, message };
      });
    });
  }

  // Of a compiler that has died the file descriptors may be others' by now.
  isAlive() {
    const { exitCode, signalCode } = this.api.client.channel.child;
    return exitCode === null && signalCode === null;
  }

  close() {
    const { channel } = this.api.client;
    // A compiler that has panicked outlives the signal that the channel sends.
    channel.child.kill("SIGKILL");
    channel.close();
  }
}

/** The folder of the native compiler's lib files: beside its executable. */
function findLibFolder() {
  const compilerRequire = createRequire(import.meta.resolve("typescript-native/package.json"));
  const native = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  return path.join(path.dirname(compilerRequire.resolve(native)), "lib");
}
