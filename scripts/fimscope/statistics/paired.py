"""What a change does to the same examples: the mean of paired differences, tested."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.exact_tests import sign_test
from fimscope.statistics.numbers import Numbers, significant


def paired_numbers(
    differences: NDArray[np.float64], programs: Sequence[str], bootstrap: Bootstrap
) -> Numbers:
    """The mean of paired differences, its 95% interval over programs, and the sign test's p.

    differences   [example], with the change minus without it
    programs      [example]
    returns       n, n_programs, estimate, lower, upper, p; the last four None where n is 0
    """
    if not len(differences):
        unknown = dict.fromkeys(("estimate", "lower", "upper", "p"))
        return {"n": 0, "n_programs": 0, **unknown}
    mean = bootstrap.resample(differences, programs).mean()
    return {**mean.numbers(), "p": significant(sign_test(differences, programs))}
