"""One observation beside some that were drawn at random."""

from collections.abc import Sequence

import numpy as np

from fimscope.statistics.numbers import Numbers, significant


def one_of_many(own: float, others: Sequence[float], n: int) -> Numbers:
    """Does one vector's share of n examples lie above what another draw of some vectors would give?

    own, others   shares of the same n examples; at least two others
    returns       n_vectors, n_as_good (how many do as much), p (one-sided)

    The t test of one case against a small sample (Crawford & Howell 1998): the others' spread, with
    their mean's own error, N - 1 degrees of freedom. Their variance counts as no smaller than what
    n examples give by chance at the share that all have, the one too: others that all do nothing
    decide nothing by that.
    """
    from scipy.stats import t

    n_others, mean = len(others), float(np.mean(others))
    shared = (n * (own + sum(others)) + 0.5) / (n * (1 + n_others) + 1)
    variance = max(float(np.var(others, ddof=1)), shared * (1 - shared) / n)
    statistic = (own - mean) / np.sqrt(variance * (1 + 1 / n_others))
    return {
        "n_vectors": n_others,
        "n_as_good": int(sum(other >= own for other in others)),
        "p": significant(t.sf(statistic, n_others - 1)),
    }
