"""Which heads look elsewhere: right against wrong answers, originals against broken variants."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.attention.shares import REGION_KINDS, Shares
from fimscope.statistics.clustered import clustered_difference, clustered_mean
from fimscope.statistics.estimate import Estimate, Floats
from fimscope.statistics.exact_tests import sign_test
from fimscope.statistics.significance import holm

RIGHT_WRONG, ORIGINAL_BROKEN = "right_minus_wrong", "original_minus_broken"
COMPARISONS = (RIGHT_WRONG, ORIGINAL_BROKEN)
Row = Mapping[str, Any]


def compare_outcomes(originals: Shares) -> list[Row]:
    """Rows of the attention_differences table: originals answered right minus those wrong."""
    rows: list[Row] = []
    for kind, region in enumerate(REGION_KINDS):
        own = originals.take(originals.tokens[:, kind] > 0)
        if not own.right.any() or own.right.all():
            continue
        values, tokens = own.shares[:, :, kind], own.tokens[:, kind]
        found, p = clustered_difference(values, own.right, own.programs)
        means = values[own.right].mean(axis=0), values[~own.right].mean(axis=0)
        token_difference = tokens[own.right].mean() - tokens[~own.right].mean()
        rows += _rows(RIGHT_WRONG, region, own, means, found, p, token_difference)
    return _adjusted(rows)


def compare_pairs(before: Shares, after: Shares) -> list[Row]:
    """Rows of the attention_differences table: originals minus their broken variants.

    The p-values are those of a sign test over programs.
    """
    rows: list[Row] = []
    for kind, region in enumerate(REGION_KINDS):
        both = (before.tokens[:, kind] > 0) & (after.tokens[:, kind] > 0)
        if not both.any():
            continue
        one, other = before.take(both), after.take(both)
        values = one.shares[:, :, kind], other.shares[:, :, kind]
        difference = values[0] - values[1]
        found, _ = clustered_mean(difference, one.programs)
        p = sign_test(difference, one.programs)
        means = values[0].mean(axis=0), values[1].mean(axis=0)
        token_difference = (one.tokens[:, kind] - other.tokens[:, kind]).mean()
        rows += _rows(ORIGINAL_BROKEN, region, one, means, found, p, token_difference)
    return _adjusted(rows)


def _rows(
    comparison: str,
    region: str,
    own: Shares,
    means: tuple[Floats, Floats],
    found: Estimate,
    p: Sequence[float],
    token_difference: float,
) -> list[Row]:
    found = found.within(-1, 1)
    return [
        {
            "comparison": comparison,
            "block": block,
            "head": head,
            "region": region,
            "n": found.n,
            "n_programs": found.n_programs,
            "first_share": means[0][i],
            "second_share": means[1][i],
            "difference": found.value[i],
            "lower": found.lower[i],
            "upper": found.upper[i],
            "token_difference": token_difference,
            "p": p[i],
        }
        for i, (block, head) in enumerate(own.heads)
    ]


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    adjusted = holm([row["p"] for row in rows])
    return [{**row, "adjusted_p": p} for row, p in zip(rows, adjusted, strict=True)]
