"""The score intervals of a rate and of a difference of paired rates."""

import numpy as np

from fimscope.statistics.estimate import Floats, Interval

HALVINGS = 50  # of the range in which an end is looked for: 2 / 2**50 is left of it


def wilson_interval(rate: Floats, n: Floats, quantile: float) -> Interval:
    """The score interval of rates [...] among n [...] independent trials each (Wilson 1927).

    quantile   of the reference distribution: how many standard errors to each side
    """
    weight = quantile**2 / n
    middle = (rate + weight / 2) / (1 + weight)
    half = quantile / (1 + weight) * np.sqrt(rate * (1 - rate) / n + weight / (4 * n))
    return Interval(np.maximum(middle - half, 0), np.minimum(middle + half, 1))


def paired_interval(rises: Floats, falls: Floats, n: Floats, quantile: float) -> Interval:
    """The score interval of differences of rates [...] of the same n trials (Tango 1998).

    rises, falls   [...], how many change from 0 to 1 and from 1 to 0; need not be whole
    quantile       of the reference distribution: how many standard errors to each side

    Its ends are the differences from which what was seen lies that many of their own errors away.
    """
    return Interval(_lower_end(rises, falls, n, quantile), -_lower_end(falls, rises, n, quantile))


def _lower_end(rises: Floats, falls: Floats, n: Floats, quantile: float) -> Floats:
    value = (rises - falls) / n
    outside, inside = np.full_like(value, -1.0), value
    for _ in range(HALVINGS):
        middle = (outside + inside) / 2
        is_out = (value - middle) > quantile * _error(rises, falls, n, middle)
        outside, inside = np.where(is_out, middle, outside), np.where(is_out, inside, middle)
    return outside[()]


def _error(rises: Floats, falls: Floats, n: Floats, difference: Floats) -> Floats:
    """The standard error of a difference, were it the true one."""
    linear = (2 * n - rises + falls) * difference - rises - falls
    constant = falls * difference * (1 - difference)
    # The likeliest share that falls, of rates that differ by so much: a root of a quadratic.
    share = (np.sqrt(np.maximum(linear**2 + 8 * n * constant, 0)) - linear) / (4 * n)
    return np.sqrt(np.maximum(2 * share + difference * (1 - difference), 0) / n)
