"""Where a sweep of positions patches: the tokens of each recipient, and what comes there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fimscope.errors import MisalignedError
from fimscope.experiments.patch.donors import (
    NOISE_ROWS,
    Key,
    donor_key,
    random_tokens,
    recipient_key,
)
from fimscope.files.rejections import rejection
from fimscope.prompts.alignment import NAME, SAME_PROGRAM, align

Row = Mapping[str, Any]

# Where a window can differ from its last point: later tokens read an earlier token in every block.
WIDE = {"restore": ("hole_name", NAME)}
Windows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TokenSet:
    """The tokens of one recipient that a position or set names, and all that is put there.

    tokens   of the recipient
    donors   (row of the pairs table, as many tokens of its donor; none for `random`)
    """

    position: str
    tokens: Sequence[int]
    donors: Sequence[tuple[Row, Sequence[int]]]

    @property
    def pairs(self) -> list[Row]:
        return [pair for pair, _ in self.donors]

    @property
    def recipient(self) -> Key:
        return recipient_key(self.pairs[0])


def find_token_set(
    position: str, pairs: Sequence[Row], prompts: Mapping[Key, Row], seed: int
) -> tuple[TokenSet | None, list[tuple[Row, str]]]:
    """A position of the rows of one pair, and the rows whose prompts lack it, with the reason.

    Without the paired donor nothing can be compared, and all rows are among the latter.
    """
    donors, missing = [], []
    tokens: Sequence[int] = ()
    for pair in pairs:
        recipient = recipient_key(pair)
        key = donor_key(pair) or recipient  # `random` takes the tokens that `self` would
        try:
            aligned = align(position, prompts[key], prompts[recipient])
        except MisalignedError as error:
            if pair["donor_kind"] == "paired":
                return None, [(row, str(error)) for row in pairs]
            missing.append((pair, str(error)))
            continue
        donor_tokens, tokens = zip(*aligned, strict=True)
        if pair["donor_kind"] == "random":
            donor_tokens = ()
        elif pair["donor_kind"] == "random_position":
            n_tokens = len(prompts[key]["token_ids"])
            donor_tokens = tuple(random_tokens(seed, key, n_tokens, donor_tokens))
        donors.append((pair, donor_tokens))
    return (TokenSet(position, tokens, donors) if donors else None), missing


def rows_at(position: str, condition: str, pairs: Sequence[Row]) -> list[Row]:
    """The rows of one pair that a position is patched for.

    `name` is for donors that are the recipient's own program: another program's uses have no
    counterpart, so that it has neither an `unrelated` donor nor one of `other_gold`.
    """
    if position != NAME:
        return list(pairs)
    if condition not in SAME_PROGRAM:
        return []
    return [pair for pair in pairs if pair["donor_kind"] not in ("unrelated", "other_gold")]


def plan_token_sets(
    pairs: Sequence[Row],
    prompts: Mapping[Key, Row],
    positions: Sequence[str],
    plan: Callable[[str, str], Windows],
    seed: int,
) -> tuple[dict[Windows, list[TokenSet]], list[Row], int]:
    """Every position of every pair by its windows, rows of the rejected table, how many in all.

    plan   the windows of a condition and a position
    """
    by_pair: dict[str, list[Row]] = {}
    for pair in pairs:
        by_pair.setdefault(pair["pair_id"], []).append(pair)
    token_sets: dict[Windows, list[TokenSet]] = {}
    rejected, n_rows = [], 0
    for position in positions:
        for rows in by_pair.values():
            condition = rows[0]["condition"]
            rows = rows_at(position, condition, rows)
            n_rows += len(rows)
            token_set, missing = find_token_set(position, rows, prompts, seed)
            if token_set:
                token_sets.setdefault(plan(condition, position), []).append(token_set)
            rejected += [
                rejection(
                    "sweep_positions",
                    "position_missing",
                    f"{pair['pair_id']}, {pair['donor_kind']}, {position}: {why}",
                    example_id=pair["recipient_example_id"],
                    edit=pair["recipient_edit"],
                )
                for pair, why in missing
            ]
    return token_sets, rejected, n_rows


def plan_windows(
    condition: str, position: str, points: Sequence[int], n_points: int, sizes: Sequence[int]
) -> Windows:
    """Single points, and where WIDE has them whole windows of other sizes from each point on."""
    wide = position in WIDE.get(condition, ())
    return tuple(
        tuple(range(point, point + size))
        for size in (1, *(sizes if wide else ()))
        for point in points
        if point + size <= n_points
    )


def needed_tokens(token_sets: Sequence[TokenSet]) -> dict[Key, set[int]]:
    """The tokens of each prompt whose residual stream is read."""
    needed: dict[Key, set[int]] = {}
    for token_set in token_sets:
        for pair, donor_tokens in token_set.donors:
            if key := donor_key(pair):
                needed.setdefault(key, set()).update(donor_tokens)
    return needed


def paired_of(token_sets: Sequence[TokenSet]) -> list[Row]:
    """The row of each pair that names its paired donor."""
    found = {
        pair["pair_id"]: pair
        for token_set in token_sets
        for pair, _ in token_set.donors
        if pair["donor_kind"] == "paired"
    }
    return list(found.values())


def donor_tokens_of(token_sets: Iterable[TokenSet]) -> dict[str, list[tuple[Key, int]]]:
    """The tokens of the paired donors at each position, each once, in order; at most NOISE_ROWS."""
    found: dict[str, set[tuple[Key, int]]] = {}
    for token_set in token_sets:
        for pair, tokens in token_set.donors:
            if pair["donor_kind"] == "paired":
                own = found.setdefault(token_set.position, set())
                own.update((donor_key(pair), token) for token in tokens)
    return {position: sorted(own)[:NOISE_ROWS] for position, own in found.items()}
