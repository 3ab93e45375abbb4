"""Aligned pairs, and which of their patches could do anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fimscope.experiments.patch.pairs import broken_rows
from fimscope.prompts.alignment import is_aligned_pair
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
CONDITIONS = ("restore", "break")


@dataclass(frozen=True)
class Trace:
    """A recipient and its donor, the two aligned prompts of one broken example.

    target, foil   token ids: what success would predict, what the recipient does
    """

    condition: str
    recipient: Row
    donor: Row
    target: int
    foil: int


def choose_traces(
    original: Mapping[str, Row],
    variant: Mapping[str, Row],
    answers: Mapping[str, Row],
    edited: Iterable[Row],
    max_pairs: int,
    max_tokens: int,
    seed: int,
) -> tuple[list[Trace], list[Row]]:
    """Both directions of so many broken examples, one of a program, and the predictions whose
    prompts are no pair.

    original, variant   example_id -> row of the prompts table
    answers             example_id -> row of the predictions of `original`
    edited              rows of the predictions of the variants
    max_tokens          of their prompts: what a trace costs grows as the square of their number

    The tests count programs, so that a second example of one would cost as much and tell little.
    """
    short = [
        row
        for row in broken_rows(edited, answers)
        if len(original[row["example_id"]]["token_ids"]) <= max_tokens
    ]
    broken = sorted(short, key=lambda row: seed_of(seed, row["example_id"]))
    pairs, lonely = {}, []
    for row in broken:
        both = (original[row["example_id"]], variant[row["example_id"]])
        if is_aligned_pair(*both):
            pairs.setdefault(both[0]["program_id"], (row, *both))
        else:
            lonely.append(row)
    traces = []
    for row, first, second in [*pairs.values()][:max_pairs]:
        gold, said = row["gold_token_id"], row["predicted_token_id"]
        traces.append(Trace("restore", second, first, gold, said))
        traces.append(Trace("break", first, second, said, gold))
    return traces, lonely


def live_points(trace: Trace, points: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """token -> the points at which recipient and donor can differ and the last token can see it.

    points   ascending, the last of them the one that enters the final norm

    Up to the first token in which the two prompts differ their residuals are the same; at point 0
    they are so wherever the token is the same; and what enters the final norm at an earlier token
    is read by nothing. A patch there changes nothing.
    """
    ids, others = trace.recipient["token_ids"], trace.donor["token_ids"]
    differs = [one != other for one, other in zip(ids, others, strict=True)]
    first, last = differs.index(True), len(ids) - 1
    return {
        token: tuple(
            point
            for point in points
            if (point > 0 or differs[token]) and (point < points[-1] or token == last)
        )
        for token in range(first, len(ids))
    }
