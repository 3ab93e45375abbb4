"""What a change does to the same examples: the mean of paired differences, tested."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Estimate
from fimscope.statistics.exact_tests import least_sign_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, significant


def paired_rates(differences: NDArray[np.float64], programs: Sequence[str]) -> Numbers:
    """As `paired_numbers`, of differences of rates: -1 to 1."""
    return _numbers(differences, programs, Clustered.difference)


def paired_numbers(differences: NDArray[np.float64], programs: Sequence[str]) -> Numbers:
    """The mean of paired differences, its 95% interval over programs, and the sign test's p.

    differences   [example], with the change minus without it
    programs      [example]
    returns       n, n_programs, estimate, lower, upper, p; the last four None where n is 0, else
                  least_p too, the smallest p that so many programs can give
    """
    return _numbers(differences, programs, Clustered.mean)


def _numbers(
    differences: NDArray[np.float64],
    programs: Sequence[str],
    estimate: Callable[[Clustered], Estimate],
) -> Numbers:
    if not len(differences):
        unknown = dict.fromkeys(("estimate", "lower", "upper", "p"))
        return {"n": 0, "n_programs": 0, **unknown}
    found = estimate(Clustered.of(differences, programs)).numbers()
    p = significant(sign_test(differences, programs))
    return {**found, "p": p, "least_p": least_sign_p(found["n_programs"])}
