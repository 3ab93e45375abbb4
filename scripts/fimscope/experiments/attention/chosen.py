"""The heads and the pairs that are looked at token by token."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.experiments.attention.differences import ORIGINAL_BROKEN
from fimscope.experiments.attention.shares import REGION_KINDS, Head, Shares
from fimscope.statistics.significance import is_significant

Row = Mapping[str, Any]


def choose_heads(differences: Sequence[Row], n_heads: int) -> list[tuple[Head, str]]:
    """The heads that move most, each with the region in which it does.

    Among pairs, or where there are none among right and wrong answers: those that differ after
    Holm, the largest difference first; then the others by their p.
    """
    own = [row for row in differences if row["comparison"] == ORIGINAL_BROKEN] or differences
    ranked = sorted(
        own,
        key=lambda row: (
            not is_significant(row["adjusted_p"]),
            -abs(row["difference"]) if is_significant(row["adjusted_p"]) else row["p"],
            -abs(row["difference"]),
            row["block"],
            row["head"],
        ),
    )
    chosen: dict[Head, str] = {}
    for row in ranked:
        chosen.setdefault((row["block"], row["head"]), row["region"])
    return list(chosen.items())[:n_heads]


def choose_pair(before: Shares, after: Shares, head: Head, region: str) -> str | None:
    """The example whose difference in a head and region is at the median of the pairs with it."""
    kind, place = REGION_KINDS.index(region), before.heads.index(head)
    both = (before.tokens[:, kind] > 0) & (after.tokens[:, kind] > 0)
    if not both.any():
        return None
    difference = (before.shares - after.shares)[both, place, kind]
    middle = np.argsort(difference, kind="stable")[len(difference) // 2]
    return str(after.examples[both][middle])
