"""Means and differences of means with t tests, in which a program's rows hang together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Estimate, Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.significance import LEVEL


def clustered_difference(
    values: NDArray, first: NDArray[np.bool_], programs: Sequence[str]
) -> tuple[Estimate, Floats]:
    """Mean of the first group minus mean of the second, clustered by program.

    values    [row, column], finite
    first     [row], whether a row is of the first group; a program may have rows in both
    returns   the differences [column], of as many programs as the group has that has fewer; their
              two-sided p-values [column]
    raises    ValueError where a group has no row

    The error is Welch's (1947) with sums over a program's rows in place of single rows; what a
    program adds in both groups is summed first. The reference is a t distribution whose degrees of
    freedom are those of the group with fewer programs, which holds for however few there are. With
    one program in a group no difference is shown: p is 1.
    """
    values = np.asarray(values, dtype=np.float64)
    names = np.asarray(programs, dtype=str)
    if first.all() or not first.any():
        raise ValueError("a difference needs rows in both groups")
    difference = np.zeros(values.shape[1])
    influence = np.zeros_like(values)
    fewest = len(names)
    for rows, sign in ((first, 1), (~first, -1)):
        mean = values[rows].mean(axis=0)
        n_programs = len(set(names[rows]))
        fewest = min(fewest, n_programs)
        correction = np.sqrt(n_programs / max(n_programs - 1, 1))
        influence[rows] = sign * correction * (values[rows] - mean) / rows.sum()
        difference += sign * mean
    return _from_influence(difference, influence, names, fewest - 1)


def clustered_mean(values: NDArray, programs: Sequence[str]) -> tuple[Estimate, Floats]:
    """Means of paired differences [row, column] against 0, clustered by program: a t test.

    returns   the means [column], with the intervals of `Clustered.mean`; their two-sided p-values
              [column]

    The test takes the mean as symmetric and the interval does not, so that near 0 they may differ:
    a claim needs both.
    """
    values = np.asarray(values, dtype=np.float64)
    mean = values.mean(axis=0)
    n_programs = len(set(programs))
    correction = np.sqrt(n_programs / max(n_programs - 1, 1))
    influence = correction * (values - mean) / len(values)
    _, p = _from_influence(mean, influence, programs, n_programs - 1)
    return Clustered.of(values, programs).mean(), p


def _from_influence(
    mean: Floats, influence: Floats, programs: Sequence[str], freedom: int
) -> tuple[Estimate, Floats]:
    """Intervals and p-values from what each row adds to the error of a mean, [row, column]."""
    from scipy.special import stdtr, stdtrit

    names, codes = np.unique(np.asarray(programs, dtype=str), return_inverse=True)
    rests_on = len(influence), freedom + 1
    if freedom < 1:
        without_end = np.full(len(mean), np.inf)
        return Estimate(mean, -without_end, without_end, *rests_on), np.ones(len(mean))
    sums = np.zeros((len(names), influence.shape[1]))
    np.add.at(sums, codes, influence)
    error = np.sqrt((sums**2).sum(axis=0))
    half = stdtrit(freedom, (1 + LEVEL) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean == 0, 0.0, np.abs(mean) / error)
    return Estimate(mean, mean - half, mean + half, *rests_on), 2 * stdtr(freedom, -ratio)
