// Names that mean nothing: the same for the same program and seed, and found nowhere in it.

import { generator, shuffle } from "./random.mjs";

const CONSONANTS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS = ["a", "i", "o", "u"];
const SYLLABLES = CONSONANTS.flatMap((consonant) => VOWELS.map((vowel) => consonant + vowel));

// What a reader, or a model, knows as a word or as a name of the field.
const WORDS = new Set(
  (
    "bali bani boga bola bono bora bozo dado dago dali data dino dita diva dodo dora dura " +
    "fado fila fora foto gala gama gamo giga gina gobi goto guru kata kilo kola lama lara " +
    "lava lido lima limo lira lisa logo ludo luna mali mama midi mini mira moda mona mono " +
    "moto nano nazi nina nodo nora nova pagi pago paki pali papa para pisa pita poli polo " +
    "pomo puli puma pupa puta puto rabi raga ramo rani riga rigo rita roma rota saga sagi " +
    "sago saki sara sari sato silo sima situ soda sofa soli solo sota sudo suki sumo sura " +
    "suri tabu taka tako tapa tara taro tiki tina tipi tiro todo tofu toga togo tori toro " +
    "tuba tubi tuna tutu vila vino visa vita viva vivo zara zona zoni zulu banana bikini " +
    "bonito domino farina fibula gigolo kimono libido marina mimosa minima modulo pagoda " +
    "patina potato safari salami saliva sonata tomato vagina virago"
  ).split(" "),
);

const BEGINNING = 4;

let syllables = 2;
let listed = [];

/** Configure the names of all programs: of how many syllables, and the list to draw from first. */
export function configureNames(number, list) {
  syllables = number;
  listed = list ?? [];
}

/**
 * An endless supply of fresh names: letters only, in an order that the key seeds, none of them
 * part of the program's text, whatever the case.
 */
export function* freshNames(text, key) {
  const random = generator(key);
  const isPart = partTest(text.toLowerCase());
  const isFresh = (name) => !WORDS.has(name) && !isPart(name);
  yield* shuffle(listed.filter((name) => isFresh(name.toLowerCase())), random);
  for (let length = syllables; ; length += 1) {
    for (const name of shuffled(length, random)) {
      if (isFresh(name)) yield name;
    }
  }
}

/** Tests whether a name of letters is part of a text: most are not, by their first letters. */
function partTest(text) {
  const beginnings = new Set();
  for (const word of new Set(text.match(/[a-z]+/g))) {
    for (let at = 0; at + BEGINNING <= word.length; at += 1) {
      beginnings.add(word.slice(at, at + BEGINNING));
    }
  }
  return (name) =>
    (name.length < BEGINNING || beginnings.has(name.slice(0, BEGINNING))) && text.includes(name);
}

/** A fresh name as types are written. */
export function* freshTypeNames(text, key) {
  for (const name of freshNames(text, key)) yield name[0].toUpperCase() + name.slice(1);
}

// All names of two unlike syllables, each once; of more syllables as many as could ever be wanted.
function shuffled(length, random) {
  if (length !== 2) {
    const drawn = new Set();
    while (drawn.size < Math.min(20_000, SYLLABLES.length ** length)) {
      drawn.add(Array.from({ length }, () => SYLLABLES[random(SYLLABLES.length)]).join(""));
    }
    return drawn;
  }
  const names = SYLLABLES.flatMap((first) =>
    SYLLABLES.filter((second) => second !== first).map((second) => first + second),
  );
  return shuffle(names, random);
}
