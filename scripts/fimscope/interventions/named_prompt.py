"""Prompts whose tokens have names: how a position is said, and which token it is."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

from fimscope.errors import MisalignedError, UserError
from fimscope.models.load import Model

# A name, a text that stands in the prompt once, or a token index; -1 is the last.
Named = str | SupportsIndex
Position = Named | list[Named]  # one for all prompts, or one for each
Positions = Position | Sequence[Position]
Pairs = Named | Sequence[Position | tuple[Position, Position]]


@dataclass(frozen=True)
class NamedPrompt:
    """A prompt whose tokens have names; a name may stand at several.

    text, spans   where they are known: the text, and the code points that each token covers
    """

    prompt_id: str
    token_ids: Sequence[int]
    positions: Sequence[tuple[str, int]] = ()
    text: str = ""
    spans: Sequence[tuple[int, int]] = ()

    def index_of(self, position: Named) -> int:
        """The token index, from 0, of a position; of a text, the last token that covers it.

        raises   MisalignedError unless there is one such token
        """
        if not isinstance(position, str):
            return self._index_of_number(position)
        found = [index for name, index in self.positions if name == position]
        if position == "last" and not found:
            return len(self.token_ids) - 1
        if not found:
            found = self._indices_of_text(position)
        if len(found) != 1:
            names = ", ".join(dict.fromkeys(name for name, _ in self.positions)) or "none"
            text = " and does not stand in its text" if self.spans else ""
            why = f"is none of its positions ({names}){text}"
            if found:
                why = f"stands at tokens {found}"
            raise MisalignedError(f"prompt {self.prompt_id}: {position!r} {why}; one expected")
        return found[0]

    def _index_of_number(self, position: SupportsIndex) -> int:
        n_tokens = len(self.token_ids)
        try:
            index = operator.index(position)
        except TypeError:
            raise MisalignedError(
                f"prompt {self.prompt_id}: {position!r} is no position; expected a name, a text "
                "that stands in the prompt once, or the number of a token"
            ) from None
        if not -n_tokens <= index < n_tokens:
            raise MisalignedError(
                f"prompt {self.prompt_id}: no token {index}; it has {n_tokens} tokens"
            )
        return index % n_tokens

    def _indices_of_text(self, text: str) -> list[int]:
        """The last token of each place where a text stands, overlapping ones too."""
        if not text or not self.spans:
            return []
        starts = [found.start() for found in re.finditer(f"(?={re.escape(text)})", self.text)]
        ends = [start + len(text) for start in starts]
        covering = (
            [i for i, (a, b) in enumerate(self.spans) if a < end and b > start]
            for start, end in zip(starts, ends, strict=True)
        )
        # Some tokenizers have no token cover a space.
        return [tokens[-1] for tokens in covering if tokens]


def name_prompts(
    model: Model, prompts: Sequence[str | NamedPrompt | Sequence[int]]
) -> list[NamedPrompt]:
    """Prompts with the names that the tokenizer's own added tokens give them.

    prompts   texts, which the model's tokenizer reads, its special tokens where they are spelled;
              or token ids. What has no id is known by its place in the order
    raises    UserError where they are one text, not a sequence
    """
    if isinstance(prompts, str):
        raise UserError(f"prompts: the text {prompts[:20]!r} found; expected a list of texts")
    tokenizer = model.nnsight.tokenizer
    names = {token_id: name for name, token_id in tokenizer.get_added_vocab().items()}
    found = []
    for row, prompt in enumerate(prompts):
        if isinstance(prompt, str):
            # Only the fast tokenizers, nearly all, say which text a token covers.
            encoded = tokenizer(prompt, return_offsets_mapping=tokenizer.is_fast)
            spans = encoded.get("offset_mapping", ())
            prompt = NamedPrompt(str(row), encoded["input_ids"], (), prompt, spans)
        elif not isinstance(prompt, NamedPrompt):
            prompt = NamedPrompt(str(row), [operator.index(token) for token in prompt])
        given = {name for name, _ in prompt.positions}
        special = [
            (names[token], index)
            for index, token in enumerate(prompt.token_ids)
            if token in names and names[token] not in given
        ]
        found.append(replace(prompt, positions=[*prompt.positions, *special]))
    return found


def zip_rows(prompts: Sequence[NamedPrompt], position: Position) -> list[tuple[NamedPrompt, Named]]:
    """Each prompt with its own position. raises MisalignedError where they differ in number"""
    if not isinstance(position, list):
        return [(prompt, position) for prompt in prompts]
    if len(position) != len(prompts):
        raise MisalignedError(
            f"positions of {len(position)} prompts for {len(prompts)}: {position}"
        )
    return list(zip(prompts, position, strict=True))


def position_list(positions: Positions | Pairs) -> list[Any]:
    """One position or several as a list; raises MisalignedError of none"""
    found = each_of(positions, str)
    if not found:
        raise MisalignedError("positions: none found; expected one or more, or None for all tokens")
    return found


def pair_positions(pairs: Pairs) -> tuple[list[Position], list[Position]]:
    """The donors' positions and the recipients'; one that is no pair is both."""
    each = [p if isinstance(p, tuple) else (p, p) for p in position_list(pairs)]
    for pair in each:
        if len(pair) != 2:
            raise MisalignedError(
                f"positions: {pair} found; expected pairs of the donor's and the recipient's"
            )
    return [donor for donor, _ in each], [own for _, own in each]


def each_of(one_or_several: Any, *kinds: type) -> list[Any]:
    """A list of what may be one: of one of some kinds, or a number of any library."""
    if isinstance(one_or_several, kinds):
        return [one_or_several]
    try:
        return [operator.index(one_or_several)]
    except TypeError:
        pass
    try:
        return list(one_or_several)
    except TypeError:
        raise UserError(
            f"{one_or_several!r} found; expected one or several, by name or number"
        ) from None
