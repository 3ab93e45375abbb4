// Names that mean nothing: the same for the same program and seed, and found nowhere in it.

import { createHash } from "node:crypto";

const CONSONANTS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS = ["a", "i", "o", "u"];
const SYLLABLES = CONSONANTS.flatMap((consonant) => VOWELS.map((vowel) => consonant + vowel));

// Pairs of syllables that a reader, or a model, knows as a word or as a name of the field.
const WORDS = new Set(
  (
    "bali bono bora dado dago dali data dino dita dora dura fado fila foto gala gama gamo " +
    "giga gina gobi goto kata kilo kola lama lara lava lido lima limo lira lisa logo ludo " +
    "luna mali midi mini mira moda mona mono moto nano nazi nina nodo nora nova pagi pago " +
    "paki pali para pisa pita poli polo pomo puli puma puta puto rabi raga ramo rani riga " +
    "rigo rita roma rota saga sagi sara sari sato silo sima soda sofa soli solo sota sudo " +
    "suki sumo sura suri taka tako tapa tara taro tiki tina todo tofu toga togo tori toro " +
    "tuba tubi tuna vila vino visa vita viva vivo zara zona zoni zulu"
  ).split(" "),
);

/**
 * An endless supply of fresh names for a program: letters only, in a seeded order, none of them
 * part of the program's text, whatever the case.
 */
export function* freshNames(text, seed) {
  const random = generator(`${seed}\n${text}`);
  const lowered = text.toLowerCase();
  for (let length = 2; ; length += 1) {
    for (const name of shuffled(length, random)) {
      if (!WORDS.has(name) && !lowered.includes(name)) yield name;
    }
  }
}

// All names of two unlike syllables, each once; of more syllables as many as could ever be wanted.
function shuffled(length, random) {
  if (length > 2) {
    const drawn = new Set();
    while (drawn.size < 20_000) {
      drawn.add(Array.from({ length }, () => SYLLABLES[random(SYLLABLES.length)]).join(""));
    }
    return drawn;
  }
  const names = SYLLABLES.flatMap((first) =>
    SYLLABLES.filter((second) => second !== first).map((second) => first + second),
  );
  for (let last = names.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [names[last], names[other]] = [names[other], names[last]];
  }
  return names;
}

// Whole numbers below a bound, from sha256 in counter mode: the same on every machine.
function generator(key) {
  const start = createHash("sha256").update(key).digest("hex");
  let counter = 0;
  let block = Buffer.alloc(0);
  return (bound) => {
    if (block.length === 0) {
      block = createHash("sha256").update(`${start}${counter}`).digest();
      counter += 1;
    }
    const value = block.readUInt32BE(0);
    block = block.subarray(4);
    return value % bound;
  };
}
