// Answers requests from stdin on stdout, one JSON document a line, one answer to each, in order.

import { alignable, edit, editNames, edits, meaningless, newNames } from "./edits/index.mjs";
import { foreseeAll } from "./foresight.mjs";
import { holes } from "./holes.mjs";
import { NativeFailure } from "./native.mjs";
import { newErrors } from "./other_types.mjs";
import { places } from "./places.mjs";
import { check } from "./proof.mjs";
import { regions } from "./regions.mjs";
import { Refusal } from "./refusal.mjs";
import { typeEnds, typeTexts } from "./types.mjs";
import { units } from "./units.mjs";
import { values } from "./values.mjs";
import { verdicts } from "./verdicts.mjs";

const COMMANDS = {
  holes,
  new_names: newNames,
  meaningless_names: meaningless,
  alignable_names: alignable,
  edit,
  edits,
  edit_names: editNames,
  check,
  foresee: foreseeAll,
  new_errors: newErrors,
  places,
  regions,
  units,
  values,
  type_texts: typeTexts,
  type_ends: typeEnds,
  verdicts,
};

async function answer(line) {
  try {
    const { command, ...request } = JSON.parse(line);
    if (!Object.hasOwn(COMMANDS, command)) {
      throw new Refusal("compiler_failed", `no command ${JSON.stringify(command)}`);
    }
    return { result: COMMANDS[command](request) };
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, detail: error.detail };
    const detail = String(error?.message ?? error).slice(0, 500);
    const isFromOutside = error instanceof NativeFailure && (await error.isFromOutside());
    return isFromOutside ? { stopped: detail } : { reason: "compiler_failed", detail };
  }
}

async function* requests() {
  let waiting = [];
  for await (const chunk of process.stdin) {
    const end = chunk.lastIndexOf(0x0a);
    waiting.push(end < 0 ? chunk : chunk.subarray(0, end + 1));
    if (end < 0) continue;
    yield* Buffer.concat(waiting).toString("utf8").split("\n").slice(0, -1);
    waiting = [chunk.subarray(end + 1)];
  }
}

process.stdout.write('{"result":"ready"}\n');
for await (const line of requests()) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
