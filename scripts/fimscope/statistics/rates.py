"""Intervals of rates that need no bootstrap."""

import numpy as np

from fimscope.statistics.estimate import Interval
from fimscope.statistics.significance import LEVEL


def wilson_interval(n_right: int, n: int) -> Interval:
    """The score interval of a rate, n_right of n independent trials (Wilson 1927).

    raises ValueError if n is 0 or n_right is not in 0..n
    """
    from scipy.stats import binomtest

    found = binomtest(n_right, n).proportion_ci(LEVEL, method="wilson")
    return Interval(np.float64(found.low), np.float64(found.high))
