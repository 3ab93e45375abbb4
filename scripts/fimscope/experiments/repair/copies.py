"""Annotations that an answer copies, and the heads through which the last token reads them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.experiments.answers import same_type
from fimscope.prompts.regions import Region, read_regions
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
Head = tuple[int, int]  # block, head


def copied_tokens(
    prompt: Row, answer: str, decode: Callable[[Sequence[int]], str]
) -> tuple[list[int], list[int]]:
    """The tokens of the annotations that are spelled as the answer, and of as many others.

    prompt    a row of the prompts table
    returns   both empty where the answer copies none; the others are at like distances, each the
              one that is as many tokens from the last as a copied one, as nearly as may be; empty
              where there are too few
    """
    shown = [region for region in read_regions(prompt) if region.kind == "annotation"]

    def is_copied(region: Region) -> bool:
        return same_type(decode(prompt["token_ids"][region.start : region.end]), answer)

    copied = [region for region in shown if is_copied(region)]
    left = [region for region in shown if region not in copied]
    if len(left) < len(copied):
        return _tokens(copied), []
    others = []
    for region in copied:
        nearest = min(left, key=lambda other: abs(other.end - region.end))
        others.append(nearest)
        left.remove(nearest)
    return _tokens(copied), _tokens(others)


def _tokens(regions: Sequence[Region]) -> list[int]:
    return sorted(token for region in regions for token in range(region.start, region.end))


def rank_heads(weights: Sequence[Sequence[float]], heads: Sequence[Head]) -> list[Row]:
    """Rows of the repair_heads table, the head of the largest mean weight first.

    weights   [answer, head], of the last token's attention to what its answer copies
    """
    means = np.mean(weights, axis=0, dtype=np.float64)
    order = np.argsort(-means, kind="stable")
    return [
        {
            "block": heads[i][0],
            "head": heads[i][1],
            "place": place,
            "weight": float(means[i]),
            "n": len(weights),
        }
        for place, i in enumerate(order)
    ]


def random_heads(ranked: Sequence[Head], n: int, draw: int, seed: int) -> list[Head]:
    """As many heads beside the first n, drawn; of all heads where fewer are left."""
    rng = np.random.default_rng(seed_of(seed, "repair", "heads", str(draw), str(n)))
    others = ranked[n:] if len(ranked) >= 2 * n else ranked
    return sorted(others[i] for i in rng.choice(len(others), n, replace=False))
