"""Other forms of the text around a hole: annotations taken out, variables under other names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

COLON = re.compile(r"\s*:\s*\Z")
DECLARED = re.compile(r"\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)|([A-Za-z_$][\w$]*)\??\s*:\s")
WORD = re.compile(r"(?<![\w$.'\"])[A-Za-z_$][\w$]*")
RESERVED = frozenset(
    """string number boolean bigint symbol object any unknown never void undefined null this typeof
    return function const let var if else for while do switch case break continue new delete in of
    instanceof class interface type enum extends implements public private protected static
    readonly abstract get set async await yield import export from as is keyof infer default try
    catch finally throw true false super constructor declare namespace""".split()  # noqa: SIM905
)
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxyz", "aeiou"


@dataclass(frozen=True)
class Context:
    """The text on both sides of a hole, and where other annotations stand in each: (start, end)."""

    before: str
    after: str
    before_spans: list[tuple[int, int]]
    after_spans: list[tuple[int, int]]


def drop_annotations(context: Context, share: float, rng: np.random.Generator) -> Context:
    """The context with each other annotation gone, its colon too, with probability `share`."""
    before, before_spans = _dropped(context.before, context.before_spans, share, rng)
    after, after_spans = _dropped(context.after, context.after_spans, share, rng)
    return Context(before, after, before_spans, after_spans)


def _dropped(
    text: str, spans: Sequence[tuple[int, int]], share: float, rng: np.random.Generator
) -> tuple[str, list[tuple[int, int]]]:
    pieces: list[str] = []
    kept: list[tuple[int, int]] = []
    done = shift = 0
    for start, end in spans:
        colon = COLON.search(text, done, start)
        if colon and rng.random() < share:
            pieces.append(text[done : colon.start()])
            shift += end - colon.start()
            done = end
        else:
            kept.append((start - shift, end - shift))
    return "".join([*pieces, text[done:]]), kept


def rename_declared(context: Context, rng: np.random.Generator) -> Context:
    """The context with the variables that it declares under meaningless names, each everywhere.

    By the words alone, without a scope analysis: members after a dot keep their names, as do the
    annotations. It shows the model that names may say nothing; the study's own edits are exact.
    """
    found = DECLARED.findall(f"{context.before}\0{context.after}")
    names = sorted({one or other for one, other in found} - RESERVED)
    new = {name: meaningless(len(name), rng) for name in names if rng.random() < 0.9}
    before, before_spans = _renamed(context.before, context.before_spans, new)
    after, after_spans = _renamed(context.after, context.after_spans, new)
    return Context(before, after, before_spans, after_spans)


def meaningless(n_chars: int, rng: np.random.Generator) -> str:
    """A name without sense of about so many letters: syllables, letters, a stem and a number."""
    shape = rng.integers(4)
    n = int(np.clip(n_chars, 1, 10))
    if shape == 0:
        letters = CONSONANTS + VOWELS
        return "".join(letters[i] for i in rng.integers(len(letters), size=min(n, 3)))
    if shape == 1:
        stem = ("v", "x", "tmp", "arg", "_", "__tmp", "$")[rng.integers(7)]
        return f"{stem}{rng.integers(100)}"
    syllables = [
        CONSONANTS[rng.integers(len(CONSONANTS))] + VOWELS[rng.integers(len(VOWELS))]
        for _ in range(max(1, n // 2))
    ]
    name = "".join(syllables)
    return name if shape == 2 or n < 6 else name[:4] + name[4:].capitalize()


def _renamed(
    text: str, spans: Sequence[tuple[int, int]], new: dict[str, str]
) -> tuple[str, list[tuple[int, int]]]:
    pieces: list[str] = []
    moved: list[tuple[int, int]] = []
    done = length = 0
    for start, end in [*spans, (len(text), len(text))]:
        changed = WORD.sub(lambda match: new.get(match[0], match[0]), text[done:start])
        pieces += [changed, text[start:end]]
        moved.append((length + len(changed), length + len(changed) + end - start))
        length += len(changed) + end - start
        done = end
    return "".join(pieces), moved[:-1]
