"""Verdicts by hand: what decides, what does not, and how many programs would."""

import numpy as np
import pytest

from fimscope.statistics.clustered import clustered_difference
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.verdicts import (
    FEWEST_ABSENT,
    Verdict,
    judge,
    programs_to_decide,
    verdict_to_come,
)


def interval(lower: float, upper: float, n_programs: int = 50) -> Estimate:
    ends = np.array([(lower + upper) / 2, lower, upper])
    return Estimate(*ends, n=2 * n_programs, n_programs=n_programs)


@pytest.mark.parametrize(
    ("lower", "upper", "p", "verdict"),
    [
        (0.2, 0.4, None, Verdict.SHOWN),
        (-0.4, -0.2, 0.001, Verdict.SHOWN),
        (0.01, 0.4, 0.2, Verdict.UNDECIDED),  # its family is large
        (0.01, 0.4, 0.0498, Verdict.UNDECIDED),  # a hair under alpha
        (0.01, 0.4, 0.0449, Verdict.SHOWN),
        (-0.01, 0.4, 0.001, Verdict.UNDECIDED),  # sign test and mean disagree
        (-0.05, 0.09, 0.8, Verdict.SHOWN_ABSENT),
        (0.01, 0.09, 0.3, Verdict.SHOWN_ABSENT),  # whatever it is, it is little
        (-0.05, 0.11, 0.8, Verdict.UNDECIDED),
        (-np.inf, np.inf, 1.0, Verdict.UNDECIDED),
        (np.nan, np.nan, None, Verdict.UNDECIDED),
    ],
)
def test_an_interval_and_its_p_decide(lower, upper, p, verdict):
    assert judge(interval(lower, upper), margin=0.1, p=p) == verdict


def test_few_programs_show_no_absence_however_alike_they_are():
    narrow = interval(-0.01, 0.02, n_programs=FEWEST_ABSENT - 1)
    assert judge(narrow, margin=0.1) is Verdict.UNDECIDED
    assert programs_to_decide(narrow, margin=0.1) == FEWEST_ABSENT == 11  # as docs/method.md says
    assert verdict_to_come(narrow, margin=0.1) is Verdict.SHOWN_ABSENT
    assert judge(interval(-0.01, 0.02, FEWEST_ABSENT), margin=0.1) is Verdict.SHOWN_ABSENT
    assert judge(interval(0.2, 0.3, n_programs=3), margin=0.1) is Verdict.SHOWN
    assert programs_to_decide(interval(-0.11, 0.11, n_programs=8), margin=0.1) == FEWEST_ABSENT


@pytest.mark.parametrize("n_programs", [2, 4, 8, FEWEST_ABSENT, 20, 50])
def test_an_effect_that_a_quarter_of_the_programs_have_is_seldom_called_absent(n_programs):
    """Its mean is the margin; in the others there is next to nothing."""
    draw = np.random.default_rng(1)
    studies = 2000
    effects = draw.normal(0, 0.01, (n_programs, studies))
    effects += 0.4 * (draw.random(effects.shape) < 0.25)
    found = Clustered.of(effects, [f"p{n}" for n in range(n_programs)]).mean()
    absent = [judge(found[i], margin=0.1) is Verdict.SHOWN_ABSENT for i in range(studies)]
    assert np.mean(absent) <= 0.05


def test_a_difference_of_groups_rests_on_the_one_that_has_fewer_programs():
    values = np.concatenate([np.zeros(16), [0.001, -0.001]])[:, None]
    first = np.arange(18) < 16
    found, _ = clustered_difference(values, first, [f"p{n}" for n in range(18)])
    assert (found.n, found.n_programs) == (18, 2)
    assert judge(found[0], margin=0.1, p=1.0) is Verdict.UNDECIDED


def test_twice_as_narrow_needs_four_times_as_many_programs():
    # around 0 the interval has to come from 0.2 down to the margin of 0.1
    assert programs_to_decide(interval(-0.2, 0.2), margin=0.1) == 4 * 50
    # around 0.3 it has to leave out 0: from 0.6 down to 0.3
    assert programs_to_decide(interval(-0.3, 0.9), margin=0.1) == 4 * 50


def test_where_more_programs_are_not_what_is_wanting_no_number_is_named():
    assert programs_to_decide(interval(0.01, 0.4), margin=0.1) is None
    assert programs_to_decide(interval(-np.inf, np.inf), margin=0.1) is None
    assert programs_to_decide(interval(0.2, 0.2), margin=0.1) is None


@pytest.mark.parametrize(
    ("lower", "upper", "to_come"),
    [
        (-0.016, 0.038, Verdict.SHOWN_ABSENT),  # 0.011: nearer to 0 than to the margin
        (-0.056, 0.010, Verdict.SHOWN),  # -0.023
        (-0.3, 0.9, Verdict.SHOWN),  # beyond the margin
    ],
)
def test_what_more_programs_would_decide(lower, upper, to_come):
    estimate = interval(lower, upper)
    assert verdict_to_come(estimate, margin=0.03) is to_come
    assert judge(narrowed(estimate, 0.03), margin=0.03) is to_come


def narrowed(estimate, margin):
    """The interval with as many programs as would decide."""
    n = programs_to_decide(estimate, margin=margin)
    half = (estimate.upper - estimate.lower) / 2 * np.sqrt(estimate.n_programs / (n + 1))
    return Estimate(estimate.value, estimate.value - half, estimate.value + half, estimate.n, n)
