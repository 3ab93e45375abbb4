// The edit `add_distractor`: an unrelated, well-typed declaration stands somewhere in the file.

import { parse } from "../program.mjs";
import { TEMPLATES } from "./distractor_templates.mjs";
import { inLinesOfItsOwn, lineBreakOf, placesBetween } from "./insertion.mjs";
import { freshNames, freshTypeNames } from "./names.mjs";
import { generator, shuffle } from "./random.mjs";

/** The sites of a count: so many declarations, away from the hole where the file has the room. */
export function addDistractor(text, gold, { seed, origin }, { count }) {
  const random = generator(`${seed}\nadd_distractor\n${origin}`);
  const templates = shuffle([...TEMPLATES], random);
  const places = placesAway(text, gold, random);
  const writer = new Writer(text, `${seed}\nadd_distractor names\n${origin}`);
  const line = lineBreakOf(text);
  const byPlace = new Map();
  for (let index = 0; index < count; index += 1) {
    const { at } = places[index % places.length];
    const code = writer.write(templates[index % templates.length]).replaceAll("\n", line);
    const added = inLinesOfItsOwn(code, text, at, 2);
    if (!byPlace.has(at)) byPlace.set(at, []);
    byPlace.get(at).push(added);
  }
  return [...byPlace].map(([at, added]) => ({
    renames: added.map((code) => ({ old: "", new: code, kind: "distractor" })),
    replacements: [{ start: at, end: at, text: added.join("") }],
  }));
}

/** Places between statements in random order; those beside the hole's own statement come last. */
function placesAway(text, gold, random) {
  const { statements } = parse(text);
  const holder = statements.findIndex(({ pos, end }) => pos <= gold.start && gold.end <= end);
  const places = shuffle(placesBetween(text), random);
  const isBeside = ({ after }) => after === holder || after === holder + 1;
  return [...places.filter((place) => !isBeside(place)), ...places.filter(isBeside)];
}

/** Fills templates in; a name that the program has already gives way to a fresh one. */
class Writer {
  constructor(text, key) {
    this.used = new Set(text.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
    this.names = freshNames(text, key);
    this.typeNames = freshTypeNames(text, `${key} of types`);
  }

  write(template) {
    const chosen = new Map();
    const code = template.replaceAll(/\|(\w+)\|/g, (_, name) => {
      if (!chosen.has(name)) chosen.set(name, this.choose(name));
      return chosen.get(name);
    });
    for (const name of chosen.values()) this.used.add(name);
    return code;
  }

  choose(name) {
    if (!this.used.has(name)) return name;
    const names = /^[A-Z]/.test(name) ? this.typeNames : this.names;
    let fresh = names.next().value;
    while (this.used.has(fresh)) fresh = names.next().value;
    return fresh;
  }
}
