"""Training windows: a hole, the code around it in the order of a fill-in-the-middle prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from fimscope.training.augment import Context, drop_annotations, rename_declared
from fimscope.training.tokenizer import END, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX

# Weights of the loss: on the type in the middle, on other types, on all else.
MIDDLE_WEIGHT, TYPE_WEIGHT, OTHER_WEIGHT = 10.0, 4.0, 1.0
DROP_WINDOWS, DROP_SHARE = 0.5, 0.6
RENAME_WINDOWS = 0.12
# A window whose gold is longer than this teaches little: its end is cut off.
LONGEST_GOLD = 24
CHARS_A_TOKEN = 5


@dataclass(frozen=True)
class Window:
    """One training sequence.

    ids      token ids
    weights  weight of the loss on each token as a target; 0 on the first
    n_middle tokens of the middle, <|endoftext|> included, at the end of ids
    """

    ids: list[int]
    weights: list[float]
    n_middle: int


class WindowMaker:
    """Makes windows of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer):
        tokenizer.encode_special_tokens = True  # a program's text never becomes one
        self.tokenizer = tokenizer
        self.end, self.prefix, self.suffix, self.middle = (
            tokenizer.token_to_id(token) for token in (END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)
        )

    def plain(self, program: Mapping[str, Any], hole: int, n_tokens: int) -> Window:
        """The window of a hole as it stands, the hole in its middle; for validation."""
        context = cut_context(program, hole, n_tokens * CHARS_A_TOKEN)
        return self._window(program, hole, context, n_tokens, 0.5)

    def varied(
        self, program: Mapping[str, Any], hole: int, n_tokens: int, rng: np.random.Generator
    ) -> Window:
        """The window of a hole for training: its place, its neighbours and its names vary."""
        context = cut_context(program, hole, n_tokens * CHARS_A_TOKEN)
        if rng.random() < DROP_WINDOWS:
            context = drop_annotations(context, DROP_SHARE, rng)
        if rng.random() < RENAME_WINDOWS:
            context = rename_declared(context, rng)
        before_share = 0.5 if rng.random() < 0.5 else rng.uniform(0.2, 0.8)
        return self._window(program, hole, context, n_tokens, before_share)

    def _window(
        self,
        program: Mapping[str, Any],
        hole: int,
        context: Context,
        n_tokens: int,
        before_share: float,
    ) -> Window:
        start, end = program["starts"][hole], program["ends"][hole]
        gold = self.tokenizer.encode(program["content"][start:end], add_special_tokens=False).ids
        middle = [*gold, self.end][:LONGEST_GOLD]
        budget = n_tokens - 3 - len(middle)
        before = self._side(context.before, context.before_spans)
        after = self._side(context.after, context.after_spans)
        n_before = max(int(budget * before_share), budget - len(after.ids))
        before = before.from_line(min(n_before, len(before.ids)))
        after = after.to_line(min(budget - len(before.ids), len(after.ids)))
        ids = [self.prefix, *before.ids, self.suffix, *after.ids, self.middle, *middle]
        in_type = [False, *before.in_type, False, *after.in_type, False]
        weights = [TYPE_WEIGHT if typed else OTHER_WEIGHT for typed in in_type]
        # The marks are put in by the prompt: never a thing to be learned.
        for mark in (0, len(before.ids) + 1, len(in_type) - 1):
            weights[mark] = 0.0
        return Window(ids, [*weights, *[MIDDLE_WEIGHT] * len(middle)], len(middle))

    def _side(self, text: str, spans: Sequence[tuple[int, int]]) -> "Side":
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        in_type = np.zeros(len(offsets), dtype=bool)
        for start, end in spans:
            in_type[np.searchsorted(offsets[:, 0], start) : np.searchsorted(offsets[:, 0], end)] = (
                True
            )
        starts_line = np.array([text[a : a + 1] in "\r\n" for a in offsets[:, 0]], dtype=bool)
        return Side(encoding.ids, in_type.tolist(), starts_line)


@dataclass(frozen=True)
class Side:
    """The tokens on one side of a hole: ids, whether each is in a type, whether it ends a line."""

    ids: list[int]
    in_type: list[bool]
    starts_line: np.ndarray

    def from_line(self, n: int) -> "Side":
        """The last `n` tokens at most, from a line's start where there is one."""
        first = len(self.ids) - n
        if first:
            lines = np.flatnonzero(self.starts_line[first:])
            first += int(lines[0]) if len(lines) else 0
        return Side(self.ids[first:], self.in_type[first:], self.starts_line[first:])

    def to_line(self, n: int) -> "Side":
        """The first `n` tokens at most, to a line's end where there is one."""
        if n < len(self.ids):
            lines = np.flatnonzero(self.starts_line[: n + 1])
            n = int(lines[-1]) if len(lines) and lines[-1] > 0 else n
        return Side(self.ids[:n], self.in_type[:n], self.starts_line[:n])


def cut_context(program: Mapping[str, Any], hole: int, n_chars: int) -> Context:
    """The text on both sides of a hole, at most `n_chars` of each, and the annotations in it."""
    text, starts, ends = program["content"], program["starts"], program["ends"]
    start, end = starts[hole], ends[hole]
    low, high = max(0, start - n_chars), min(len(text), end + n_chars)
    spans = [
        span
        for i, span in enumerate(zip(starts, ends, strict=True))
        if i != hole and low <= span[0] and span[1] <= high
    ]
    return Context(
        text[low:start],
        text[end:high],
        without_nested([(a - low, b - low) for a, b in spans if b <= start]),
        without_nested([(a - end, b - end) for a, b in spans if a >= end]),
    )


def without_nested(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans that lie in no other one before them; ascending and apart."""
    kept: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept
