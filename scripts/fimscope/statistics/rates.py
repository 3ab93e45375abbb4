"""The score interval of a rate."""

import numpy as np

from fimscope.statistics.estimate import Floats, Interval


def wilson_interval(rate: Floats, n: Floats, quantile: float) -> Interval:
    """The score interval of rates [...] among n [...] independent trials each (Wilson 1927).

    quantile   of the reference distribution: how many standard errors to each side
    """
    weight = quantile**2 / n
    middle = (rate + weight / 2) / (1 + weight)
    half = quantile / (1 + weight) * np.sqrt(rate * (1 - rate) / n + weight / (4 * n))
    return Interval(np.maximum(middle - half, 0), np.minimum(middle + half, 1))
