// Names that mean nothing: the same for the same program and seed, and found nowhere in it.

import { generator, shuffle } from "./random.mjs";

const CONSONANTS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS = ["a", "i", "o", "u"];
const SYLLABLES = CONSONANTS.flatMap((consonant) => VOWELS.map((vowel) => consonant + vowel));
const OF_TWO = SYLLABLES.flatMap((first) =>
  SYLLABLES.filter((second) => second !== first).map((second) => first + second),
);

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

// Names of two letters: a consonant and a vowel, or two consonants that begin a syllable.
const CLUSTERS = "bl br ch cl cr dr fl fr gl gr kn ph pl pr qu sc sh sl sm sn sp st sw th tr tw wh wr";
const PAIRS = [
  ...[..."bcdfghjklmnpqrstvwxz"].flatMap((consonant) =>
    [..."aeiou"].flatMap((vowel) => [consonant + vowel, vowel + consonant]),
  ),
  ...CLUSTERS.split(" "),
];
const SHORT_WORDS = new Set(
  (
    "ad am an as at ax be do eg el em en es et ex go ha he hi ho id if in ip is it lo ma me mu ne " +
    "no of oh ok on op or os ow ox pa pi re so to um un up us uv we"
  ).split(" "),
);
const MOST_OF_A_LENGTH = 1500;
const MOST_SYLLABLES = 6;

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

/**
 * Meaningless names of all lengths in an order that the key seeds, for who chooses by length: two
 * letters, then those of the list, then two syllables and more.
 */
export function meaninglessNames(key) {
  const random = generator(key);
  const names = [...shuffle([...PAIRS], random), ...shuffle([...listed], random)];
  for (let length = 2; length <= MOST_SYLLABLES; length += 1) {
    names.push(...[...shuffled(length, random)].slice(0, MOST_OF_A_LENGTH));
  }
  return [...new Set(names)].filter((name) => !WORDS.has(name) && !SHORT_WORDS.has(name));
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
  return shuffle([...OF_TWO], random);
}
