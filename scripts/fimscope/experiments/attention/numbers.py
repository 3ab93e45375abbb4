"""What the comparisons of attention found, as plain values ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.attention.differences import ORIGINAL_BROKEN
from fimscope.statistics.exact_tests import least_family_p
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import is_clearly_significant

Row = Mapping[str, Any]
N_SHOWN = 6  # of the largest differences


def comparison_numbers(rows: Sequence[Row]) -> Numbers:
    """Of the rows of one comparison in the attention_differences table: how many tests there are,
    how many stand out, and the largest differences; of sign tests, the smallest p there can be."""
    signed = [row["n_programs"] for row in rows if row["comparison"] == ORIGINAL_BROKEN]
    return {
        "n_tests": len(rows),
        "n_apart": sum(map(differs, rows)),
        **({"least_adjusted_p": least_family_p(max(signed), len(rows))} if signed else {}),
        "largest": [
            {
                key: (significant(value) if key.endswith("p") else number(value))
                if isinstance(value, float)
                else value
                for key, value in row.items()
            }
            for row in ranked(rows)[:N_SHOWN]
        ],
    }


def differs(row: Row) -> bool:
    """Whether a row's difference is shown, by its interval and its test."""
    if row["adjusted_p"] is None:
        return False
    return bool(row["lower"] * row["upper"] > 0 and is_clearly_significant(row["adjusted_p"]))


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Those that differ first, then the larger difference."""
    return sorted(rows, key=lambda row: (not differs(row), -abs(row["difference"])))
