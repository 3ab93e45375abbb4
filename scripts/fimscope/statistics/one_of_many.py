"""One observation beside some that were drawn at random."""

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import ALPHA, HAIR


def one_of_many(own: NDArray[np.float64], others: NDArray[np.float64]) -> Numbers:
    """Does one vector change accuracy by more than another draw of some vectors would?

    own       [example]: 1 where a wrong answer is mended, -1 where a right one is spoiled, else 0
    others    [vector, example], the same of at least two others
    returns   n, n_vectors, n_as_good (how many do as well or better), own, mean, lowest and highest
              of the others, estimate (own minus mean), error (of that), p (one-sided)

    The t test of one case against a small sample (Crawford & Howell 1998): the others' spread, with
    their mean's own error, N - 1 degrees of freedom. Their variance counts as no smaller than what
    n examples give by chance where each is mended and spoiled as often as under all vectors, the
    one too: others that all do nothing decide nothing by that. One example more, which is changed
    or not, either way, with the same chances, keeps it above 0.
    """
    from scipy.special import stdtr

    every = np.vstack([own, others])
    rates, of_others = every.mean(axis=1), others.mean(axis=1)
    n_others, n = others.shape
    shared = every.sum() / (every.size + 1)
    square = (np.square(every).sum() + 0.5) / (every.size + 1)
    variance = max(float(np.var(of_others, ddof=1)), (square - shared**2) / n)
    estimate = rates[0] - of_others.mean()
    error = np.sqrt(variance * (1 + 1 / n_others))
    return {
        "n": n,
        "n_vectors": n_others,
        "n_as_good": int((others.sum(axis=1) >= own.sum()).sum()),
        "own": number(rates[0]),
        "mean": number(of_others.mean()),
        "lowest": number(of_others.min()),
        "highest": number(of_others.max()),
        "estimate": number(estimate),
        "error": number(error),
        "p": significant(stdtr(n_others - 1, -estimate / error)),
    }


def least_shown(row: Numbers, n_tests: int) -> float:
    """The least that one has to lie above the mean of the others for `one_of_many` to show it.

    row       of `one_of_many`: the others' number and spread as they are
    n_tests   of one family: the p-value has to pass the first step of `holm`, by a HAIR
    """
    from scipy.special import stdtrit

    return -float(stdtrit(row["n_vectors"] - 1, (ALPHA - HAIR) / n_tests) * row["error"])
