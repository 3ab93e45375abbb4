"""Intervals and tests in which the program, not the example, is the unit of inference."""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_DRAWS = 10_000
LEVEL = 0.95
POWER = 0.8  # the chance that a test shall have to show what is there
DRAWS_AT_ONCE = 1_000  # bounds the memory of the [draw, program] counts
WEIGHTS_AT_ONCE = 1_000_000  # of draws times programs: 8 MB


def add_bootstrap_options(parser: argparse.ArgumentParser) -> None:
    """--draws and --seed."""
    parser.add_argument("--draws", type=int, required=True, help="draws of the bootstrap")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")


@dataclass(frozen=True)
class Interval:
    """Lower and upper ends, each a float array [point], or one float each."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Resampled:
    """Means over rows, and the same means over resampled programs.

    estimate   [point], the mean of all rows
    draws      [draw, point], the mean in each bootstrap draw
    """

    estimate: Floats
    draws: Floats
    n_rows: int
    n_programs: int


def wilson_interval(n_right: int, n: int, level: float = LEVEL) -> Interval:
    """The score interval of a rate, n_right of n independent trials (Wilson 1927).

    raises ValueError if n is 0 or n_right is not in 0..n
    """
    from scipy.stats import binomtest

    found = binomtest(n_right, n).proportion_ci(level, method="wilson")
    return Interval(np.float64(found.low), np.float64(found.high))


def mcnemar_exact(n_broken: int, n_mended: int) -> float:
    """Two-sided exact p of McNemar's test: are right->wrong and wrong->right equally frequent?

    The discordant pairs alone count: under the null n_broken is Binomial(n_broken + n_mended, 1/2)
    (McNemar 1947). 1.0 where no pair is discordant. Takes pairs as independent; read it beside an
    interval that is clustered by program.
    """
    from scipy.stats import binomtest

    n_discordant = n_broken + n_mended
    return float(binomtest(n_broken, n_discordant).pvalue) if n_discordant else 1.0


def sign_test(differences: NDArray, programs: Sequence[str]) -> float:
    """Two-sided exact p: are as many programs above 0 as below, each by its sum of differences?

    differences   [row], paired; the rows of one program count as one observation

    The sign test over clusters; with one row a program and differences of -1, 0, 1 it is McNemar's.
    """
    sums: dict[str, float] = {}
    for program, difference in zip(programs, differences, strict=True):
        sums[program] = sums.get(program, 0.0) + float(difference)
    return mcnemar_exact(sum(v > 0 for v in sums.values()), sum(v < 0 for v in sums.values()))


def smallest_shown(n_programs: int, n_tests: int) -> float | None:
    """The smallest share of programs that has to change, all one way, for `sign_test` to show it.

    n_tests   of one family: the p-value has to pass the first step of `holm`
    returns   the share at which that happens with the chance POWER; None where no change would do

    So many changes k that 2 * (1/2)**k * n_tests <= 1 - LEVEL are needed, and the share p at which
    Binomial(n_programs, p) reaches k with a given chance is a quantile of Beta(k, n_programs - k +
    1). Changes the other way ask for more: it is the least that these programs can show.
    """
    from scipy.stats import beta

    n_changes = math.ceil(math.log2(2 * n_tests / (1 - LEVEL)))
    if n_changes > n_programs:
        return None
    return float(beta.ppf(POWER, n_changes, n_programs - n_changes + 1))


@dataclass(frozen=True)
class Difference:
    """Differences of means with their intervals and two-sided p-values, each [column]."""

    estimate: Floats
    lower: Floats
    upper: Floats
    p: Floats


def clustered_difference(
    values: NDArray, first: NDArray[np.bool_], programs: Sequence[str], level: float = LEVEL
) -> Difference:
    """Mean of the first group minus mean of the second, clustered by program.

    values   [row, column], finite
    first    [row], whether a row is of the first group; a program may have rows in both
    raises   ValueError where a group has no row

    The error is Welch's (1947) with sums over a program's rows in place of single rows; what a
    program adds in both groups is summed first. The reference is a t distribution whose degrees of
    freedom are those of the group with fewer programs, which holds for however few there are. With
    one program in a group no difference is shown: p is 1.
    """
    values = np.asarray(values, dtype=np.float64)
    names = np.asarray(programs, dtype=str)
    if first.all() or not first.any():
        raise ValueError("a difference needs rows in both groups")
    estimate = np.zeros(values.shape[1])
    influence = np.zeros_like(values)
    fewest = len(names)
    for rows, sign in ((first, 1), (~first, -1)):
        mean = values[rows].mean(axis=0)
        n_programs = len(set(names[rows]))
        fewest = min(fewest, n_programs)
        correction = np.sqrt(n_programs / max(n_programs - 1, 1))
        influence[rows] = sign * correction * (values[rows] - mean) / rows.sum()
        estimate += sign * mean
    return _from_influence(estimate, influence, names, fewest - 1, level)


def clustered_mean(values: NDArray, programs: Sequence[str], level: float = LEVEL) -> Difference:
    """Means of paired differences [row, column] against 0, clustered by program: a t test."""
    values = np.asarray(values, dtype=np.float64)
    mean = values.mean(axis=0)
    n_programs = len(set(programs))
    correction = np.sqrt(n_programs / max(n_programs - 1, 1))
    influence = correction * (values - mean) / len(values)
    return _from_influence(mean, influence, programs, n_programs - 1, level)


def _from_influence(
    estimate: Floats, influence: Floats, programs: Sequence[str], freedom: int, level: float
) -> Difference:
    """Intervals and p-values from what each row adds to the error of an estimate, [row, column]."""
    from scipy.stats import t

    if freedom < 1:
        nothing = np.full(len(estimate), np.inf)
        return Difference(estimate, -nothing, nothing, np.ones(len(estimate)))
    names, codes = np.unique(np.asarray(programs, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), influence.shape[1]))
    np.add.at(sums, codes, influence)
    error = np.sqrt((sums**2).sum(axis=0))
    half = t.ppf((1 + level) / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(estimate == 0, 0.0, np.abs(estimate) / error)
    return Difference(estimate, estimate - half, estimate + half, 2 * t.sf(ratio, freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number, in the order given (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def resample_means(
    values: NDArray, programs: Sequence[str] | NDArray, n_draws: int = N_DRAWS, seed: int = 0
) -> Resampled:
    """Means at every point, and their spread when programs are drawn with replacement.

    values     [row, point], finite; booleans count as 0 and 1
    programs   [row], the program of each row, by its name or its place among the sorted names; all
               rows of a program are drawn together
    raises     ValueError without rows, or with a value that is not finite

    The pairs cluster bootstrap (Cameron, Gelbach & Miller 2008, section III; for evaluations of
    language models: Miller 2024, arXiv 2411.00640).
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) == 0 or len(values) != len(programs):
        raise ValueError(f"values [row, point] and programs [row] differ: {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite; leave out the rows without a value first")
    names, codes = np.unique(np.asarray(programs), return_inverse=True)
    n_programs = len(names)
    counts = np.bincount(codes, minlength=n_programs).astype(np.float64)
    estimate = values.mean(axis=0)
    sums = np.zeros((n_programs, values.shape[1]))
    np.add.at(sums, codes, values - estimate)

    deviations = [
        weights @ sums / (weights @ counts)[:, None]
        for weights in _program_weights(n_programs, n_draws, seed)
    ]
    return Resampled(
        estimate=estimate,
        draws=estimate + np.concatenate(deviations),
        n_rows=len(values),
        n_programs=n_programs,
    )


def percentile_interval(resampled: Resampled, level: float = LEVEL) -> Interval:
    """The middle `level` of the draws at each point, [point]: holds for one point at a time."""
    tail = (1 - level) / 2
    lower, upper = np.quantile(resampled.draws, [tail, 1 - tail], axis=0)
    return Interval(lower, upper)


def rate_interval(resampled: Resampled, level: float = LEVEL) -> Interval:
    """As `percentile_interval`, for shares of rows, [point].

    Where every row is 0 or every row is 1 the draws all agree and their percentiles would claim
    certainty: there the Wilson interval of that many programs stands in.
    """
    interval = percentile_interval(resampled, level)
    lower, upper = interval.lower.copy(), interval.upper.copy()
    for share in (0, 1):
        wilson = wilson_interval(share * resampled.n_programs, resampled.n_programs, level)
        same = resampled.estimate == share
        lower[same], upper[same] = wilson.lower, wilson.upper
    return Interval(lower, upper)


def _program_weights(n_programs: int, n_draws: int, seed: int) -> Iterator[Floats]:
    """How often each program is in each draw, [draw, program], a chunk of draws at a time."""
    generator = np.random.default_rng(seed)
    chances = np.full(n_programs, 1 / n_programs)
    at_once = max(1, min(DRAWS_AT_ONCE, WEIGHTS_AT_ONCE // max(n_programs, 1)))
    for start in range(0, n_draws, at_once):
        size = min(at_once, n_draws - start)
        yield generator.multinomial(n_programs, chances, size=size).astype(np.float64)
