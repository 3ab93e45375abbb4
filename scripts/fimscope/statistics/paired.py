"""What a change does to the same examples: paired differences, their intervals and tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.stats import (
    LEVEL,
    holm,
    percentile_interval,
    rate_interval,
    resample_means,
    sign_test,
)


def paired_numbers(
    differences: NDArray[np.float64], programs: Sequence[str], n_draws: int, seed: int
) -> Numbers:
    """The mean of paired differences, its 95% interval over programs, and the sign test's p.

    differences   [example], with the change minus without it
    programs      [example]
    returns       n, n_programs, estimate, lower, upper, p; the last four None where n is 0
    """
    if not len(differences):
        unknown = dict.fromkeys(("estimate", "lower", "upper", "p"))
        return {"n": 0, "n_programs": 0, **unknown}
    resampled = resample_means(np.asarray(differences)[:, None], programs, n_draws, seed)
    ends = percentile_interval(resampled)
    return {
        "n": resampled.n_rows,
        "n_programs": resampled.n_programs,
        "estimate": number(resampled.estimate[0]),
        "lower": number(ends.lower[0]),
        "upper": number(ends.upper[0]),
        "p": significant(sign_test(differences, programs)),
    }


def curve_numbers(
    rates: NDArray[np.float64], programs: Sequence[str], n_draws: int, seed: int
) -> Numbers:
    """Mean rates with their 95% intervals over programs: estimate, lower and upper, [point] each.

    rates   [example, point], each in 0..1; there must be one example at least
    """
    resampled = resample_means(rates, programs, n_draws, seed)
    ends = rate_interval(resampled)
    return {
        "estimate": [number(value) for value in resampled.estimate],
        "lower": [number(value) for value in ends.lower],
        "upper": [number(value) for value in ends.upper],
    }


def rate_numbers(
    values: NDArray[np.float64], programs: Sequence[str], n_draws: int, seed: int
) -> Numbers | None:
    """The mean of rates [example], as `curve_numbers` gives it, and its n; None without any."""
    if not len(values):
        return None
    found = curve_numbers(values[:, None], programs, n_draws, seed)
    counts = {"n": len(values), "n_programs": len(set(programs))}
    return {**counts, **{key: own[0] for key, own in found.items()}}


def permutation_numbers(n_own: int, n_others: Sequence[int]) -> Numbers:
    """How many of some random vectors do as much as one, by what each counts, and the p of that.

    One-sided, the one itself counted in (Phipson & Smyth 2010).
    """
    n_as_good = sum(n >= n_own for n in n_others)
    return {
        "n_vectors": len(n_others),
        "n_as_good": n_as_good,
        "p": significant((1 + n_as_good) / (1 + len(n_others))),
    }


def adjust_together(tests: Sequence[Numbers]) -> None:
    """Put Holm's `adjusted_p` into every row that has a p; all of them are one family."""
    known = [test for test in tests if test["p"] is not None]
    for test, adjusted in zip(known, holm([test["p"] for test in known]), strict=True):
        test["adjusted_p"] = significant(adjusted)


def stands_out(test: Numbers) -> bool:
    """Whether a row of adjusted tests differs from nothing at all."""
    return test.get("adjusted_p") is not None and test["adjusted_p"] < 1 - LEVEL
