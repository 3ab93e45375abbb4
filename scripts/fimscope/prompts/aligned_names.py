"""New names that leave every token of a program in its place, chosen with the model's tokenizer.

A new name fits where it has as many tokens as the old one at every occurrence, with what its tokens
share with the text around it (a space in front, say). Candidates are tried on their own; then the
program is tokenised whole as it is and as the compiler renamed it, and a name that moved a token is
given back.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fimscope.prompts.encoder import Encoder, Encoding
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import ALIGNED
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.results import KEPT, Edited, Hole, Rename, TypeScriptError

WORD = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
PROGRAMS = 64  # that are kept in mind, more than are worked on at a time


class Words:
    """The words of a text, and the first and the last token of each: [word]."""

    def __init__(self, text: str, encoding: Encoding):
        spans = np.array(encoding.spans, dtype=np.int64).reshape(-1, 2)
        matches = list(WORD.finditer(text))
        self.texts = [match.group() for match in matches]
        places = np.array([match.span() for match in matches], dtype=np.int64).reshape(-1, 2)
        self.n_tokens = len(spans)
        self.first = np.searchsorted(spans[:, 1], places[:, 0], "right")
        self.last = np.searchsorted(spans[:, 0], places[:, 1], "left") - 1
        starts = np.append(0, spans[:, 1])[self.first]  # a space that no span has is the next one's
        ends = spans[self.last, 1]
        self.edges = [
            (text[start:a], text[b:end])
            for start, end, (a, b) in zip(starts, ends, places, strict=True)
        ]


def moved_words(was: Words, now: Words) -> set[str]:
    """The words of a text that have not as many tokens in another version of it.

    Words of which the tokens between them are not as many count too; all words, where the versions
    have not as many words.
    """
    if len(was.texts) != len(now.texts):
        return set(was.texts)
    is_wide = was.last - was.first != now.last - now.first
    gaps, new_gaps = (np.append(of.first, of.n_tokens) - np.append(0, of.last) for of in (was, now))
    is_shifted = gaps != new_gaps  # before each word, and behind the last
    is_moved = is_wide | is_shifted[:-1] | is_shifted[1:]
    return {was.texts[i] for i in np.flatnonzero(is_moved)}


class AlignedNames:
    """Gives the names of a program others of as many tokens, the same whatever hole is cut.

    candidates   names that mean nothing; which of those that fit is given is drawn by seed and
                 program
    exported     names that a program exports change too
    """

    def __init__(self, encoder: Encoder, candidates: Sequence[str], seed: int, exported: bool):
        self.encoder, self.seed, self.exported = encoder, seed, exported
        self.candidates = np.array(candidates)
        self.counts = cache(self._count)
        # The holes of a program, which come together, share its text, and most what becomes of it.
        self.names_of = lru_cache(PROGRAMS)(self._name_program)
        self.words_of = lru_cache(2 * PROGRAMS)(lambda text: Words(text, encoder.encode(text)))

    @classmethod
    def of(cls, pool: TypeScriptPool, encoder: Encoder, seed: int, exported: bool) -> Self:
        """With the meaningless names that there are, in an order drawn by the seed."""
        [candidates] = pool.map(TypeScript.meaningless_names, [seed])
        return cls(encoder, candidates, seed, exported)

    def edit(self, service: TypeScript, hole: Hole, edit: str = ALIGNED) -> Edited:
        """The hole with new names; one that must stay is a rename of kind `kept`.

        edit     `rename_aligned`, or a share of it
        raises   TypeScriptError as `TypeScript.edit` does: `nothing_to_edit` where no name fits,
                 `edit_failed` where tokens move that no new name is near
        """
        old_names = service.alignable_names(hole.text, self.exported)
        can_change = tuple(name for name, can in old_names.items() if can)
        names = dict(self.names_of(hole.text, can_change))
        while True:
            parts = hole.prefix, hole.gold, hole.suffix, hole.name_start
            edited = service.edit(edit, *parts, self.seed, self.exported, names)
            renamed = edited.prefix + edited.gold + edited.suffix
            moved = moved_words(self.words_of(hole.text), self.words_of(renamed))
            if not moved:
                kept = [Rename(old, old, KEPT) for old in old_names if old not in names]
                return replace(edited, renames=[*edited.renames, *kept])
            if not moved & names.keys():
                raise TypeScriptError("edit_failed", f"tokens moved at {sorted(moved)[0]!r}")
            for name in moved & names.keys():
                del names[name]

    def _name_program(self, text: str, old_names: Collection[str]) -> dict[str, str]:
        """Old name -> new name, of the names that a candidate fits, in their order."""
        words = self.words_of(text)
        places: dict[str, set[tuple[tuple[str, str], int]]] = {name: set() for name in old_names}
        widths = (words.last - words.first + 1).tolist()
        for word, edges, width in zip(words.texts, words.edges, widths, strict=True):
            if word in places:
                places[word].add((edges, width))
        random = np.random.default_rng(seed_of(self.seed, ALIGNED, text))
        is_free = ~np.isin(self.candidates, words.texts)
        found = {}
        for name, wanted in places.items():
            fits = is_free.copy()
            for edges, width in wanted:
                fits &= self.counts(edges) == width
            if fits.any():
                chosen = random.choice(np.flatnonzero(fits))
                found[name] = str(self.candidates[chosen])
                is_free[chosen] = False
        return found

    def _count(self, edges: tuple[str, str]) -> NDArray[np.int64]:
        """How many tokens each candidate has between a text in front and one behind."""
        front, behind = edges
        counts = [self.encoder.count(front + name + behind) for name in self.candidates]
        return np.array(counts)
