"""Exact tests, and the least that they can show."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fimscope.statistics.numbers import Numbers, significant
from fimscope.statistics.significance import ALPHA, HAIR

ROUNDING = 1e-9  # a sum that should be 0, of means such as 1/3, may be so far from it
POWER = 0.8  # the chance that a test shall have to show what is there


def mcnemar_exact(n_broken: ArrayLike, n_mended: ArrayLike) -> Any:
    """Two-sided exact p of McNemar's test: are right->wrong and wrong->right equally frequent?

    The discordant pairs alone count: under the null n_broken is Binomial(n_broken + n_mended, 1/2)
    (McNemar 1947). 1.0 where no pair is discordant. Takes pairs as independent; read it beside an
    interval that is clustered by program. Counts may be arrays [...]: so are then the p-values.
    """
    from scipy.special import betaincc  # scipy.stats takes long to load

    n_fewer, n_more = np.minimum(n_broken, n_mended), np.maximum(n_broken, n_mended)
    return np.minimum(1, 2 * betaincc(n_fewer + 1, n_more, 0.5))


def sign_test(differences: NDArray, programs: Sequence[str]) -> Any:
    """Two-sided exact p: are as many programs above 0 as below, each by its sum of differences?

    differences   [row] or [row, column], paired; the rows of one program count as one observation
    returns       a float, or floats [column]

    The sign test over clusters; with one row a program and differences of -1, 0, 1 it is McNemar's.
    A sum within ROUNDING of 0 is none.
    """
    names, codes = np.unique(np.asarray(programs, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), *np.shape(differences)[1:]))
    np.add.at(sums, codes, differences)
    return mcnemar_exact((sums > ROUNDING).sum(axis=0), (sums < -ROUNDING).sum(axis=0))


def least_sign_p(n_programs: int) -> float:
    """The smallest p that `sign_test` can give: that of a change which all programs go through."""
    return min(1.0, 2.0 ** (1 - n_programs))


def least_family_p(n_programs: int, n_tests: int) -> float:
    """The smallest p that a family of such tests can give, adjusted by `holm`."""
    return significant(min(1.0, n_tests * least_sign_p(n_programs)))


def permutation_numbers(n_own: int, n_others: Sequence[int]) -> Numbers:
    """How many of some random vectors do as much as one, by what each counts, and the p of that.

    One-sided, the one itself counted in (Phipson & Smyth 2010).
    """
    n_as_good = sum(n >= n_own for n in n_others)
    return {
        "n_vectors": len(n_others),
        "n_as_good": n_as_good,
        "p": significant((1 + n_as_good) / (1 + len(n_others))),
        "least_p": 1 / (1 + len(n_others)),
    }


def smallest_shown(n_programs: int, n_tests: int) -> float | None:
    """The smallest share of programs that has to change, all one way, for `sign_test` to show it.

    n_tests   of one family: the p-value has to pass the first step of `holm`, by a HAIR
    returns   the share at which that happens with the chance POWER; None where no change would do

    So many changes k that 2 * (1/2)**k * n_tests < ALPHA - HAIR are needed, and the share p at
    which Binomial(n_programs, p) reaches k with a given chance is a quantile of Beta(k, n_programs
    - k + 1). Changes the other way ask for more: it is the least that these programs can show.
    """
    from scipy.special import betaincinv

    n_changes = math.ceil(math.log2(2 * n_tests / (ALPHA - HAIR)))  # 400 n / 9 is no power of 2
    if n_changes > n_programs:
        return None
    return float(betaincinv(n_changes, n_programs - n_changes + 1, POWER))
