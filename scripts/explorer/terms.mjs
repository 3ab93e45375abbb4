// What the words of the pages mean: said where the pointer rests on one.
import { element } from "./dom.mjs";

const FOUND_WORDS = new RegExp(WORDS, "g");

/** A text in pieces, each word of the glossary with its meaning where it stands first. */
export function explained(text) {
  const pieces = [];
  const known = new Set();
  let place = 0;
  for (const match of text.matchAll(FOUND_WORDS)) {
    const [word] = Object.entries(match.groups).find(([, found]) => found !== undefined);
    pieces.push(text.slice(place, match.index), known.has(word) ? match[0] : meant(match[0], TERMS.words[word]));
    known.add(word);
    place = match.index + match[0].length;
  }
  return [...pieces, text.slice(place)];
}

/** A name of the tables with its meaning in a group of them, if it has one there. */
export function term(group, name) {
  const meaning = TERMS[group][name];
  return meaning === undefined ? name : meant(name, meaning);
}

/** A faint line of names, each with its meaning. */
export function termsLine(said, group, names) {
  const shown = names.flatMap((name, i) => [i ? ", " : "", term(group, name)]);
  return element("p", { class: "faint" }, said, shown, ".");
}

function meant(shown, meaning) {
  return element("abbr", { title: meaning }, shown);
}
