"""Attention made small: of every head the tokens that it looks at most."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fimscope.tables import read_batches

MOST_TOKENS = 8  # kept of each head
LEAST_WEIGHT = 0.02

Heads = list[list[list[int]]]  # [block][head] -> token, per mille, token, per mille, ...


def read_heads(path: Path) -> Iterator[tuple[tuple[str, str], Heads]]:
    """Of each variant (example, edit) of an attention table, what its last token looks at.

    A block's list has its heads in order and at its end the mean of its heads. Of each at most
    MOST_TOKENS tokens are kept, of at least LEAST_WEIGHT, the most looked at first.

    The table is read in pieces: a whole one does not fit into memory.
    """
    columns = ["example_id", "edit", "position", "block", "head", "weights"]
    current: tuple[str, str] | None = None
    found: dict[tuple[int, int], np.ndarray] = {}
    for batch in read_batches(path, "attention", columns):
        variants = zip(batch["example_id"].to_pylist(), batch["edit"].to_pylist(), strict=True)
        positions = batch["position"].to_pylist()
        places = zip(batch["block"].to_pylist(), batch["head"].to_pylist(), strict=True)
        values = batch["weights"].values.to_numpy(zero_copy_only=False)
        ends = batch["weights"].offsets.to_numpy()
        for row, (variant, place) in enumerate(zip(variants, places, strict=True)):
            if current not in (None, variant):
                yield current, _smallest(found)
                found = {}
            current = variant
            if positions[row] == "last":
                found[place] = values[ends[row] : ends[row + 1]].astype(np.float64)
    if current is not None:
        yield current, _smallest(found)


def _smallest(weights: dict[tuple[int, int], np.ndarray]) -> Heads:
    blocks = []
    for block in sorted({block for block, _ in weights}):
        heads = [weights[key] for key in sorted(weights) if key[0] == block]
        blocks.append([_most(head) for head in [*heads, np.mean(heads, axis=0)]])
    return blocks


def _most(weights: np.ndarray) -> list[int]:
    chosen = np.argsort(-weights, kind="stable")[:MOST_TOKENS]
    kept = [(int(i), round(1000 * float(weights[i]))) for i in chosen if weights[i] >= LEAST_WEIGHT]
    return [number for pair in kept for number in pair]
