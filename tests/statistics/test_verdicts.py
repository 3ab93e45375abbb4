"""Verdicts by hand: what decides, what does not, and how many programs would."""

import numpy as np
import pytest

from fimscope.statistics.clustered import clustered_difference, clustered_mean
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.exact_tests import sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.verdicts import (
    FEWEST_ABSENT,
    Verdict,
    judge,
    programs_to_decide,
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
    assert programs_to_decide(narrow, margin=0.1) == (11, Verdict.SHOWN_ABSENT)
    assert FEWEST_ABSENT == 11  # as docs/method.md says
    assert judge(interval(-0.01, 0.02, FEWEST_ABSENT), margin=0.1) is Verdict.SHOWN_ABSENT
    assert judge(interval(0.2, 0.3, n_programs=3), margin=0.1) is Verdict.SHOWN


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
    # around 0.3 it has to leave out 0: from 0.6 down to 0.3, and t is smaller of more programs
    needed, verdict = programs_to_decide(interval(-0.3, 0.9), margin=0.1)
    assert verdict is Verdict.SHOWN and 0.95 * 4 * 50 < needed < 4 * 50


def test_where_no_number_of_programs_would_do_none_is_named():
    assert programs_to_decide(interval(-np.inf, np.inf), margin=0.1) is None
    assert programs_to_decide(interval(0.2, 0.2), margin=0.1) is None
    # The mean is up, and as many programs go down as up: a sign test will never see it.
    assert programs_to_decide(interval(-0.1, 0.5), margin=0.1, p=1.0) is None
    assert programs_to_decide(interval(-0.1, 0.1), margin=0.0) is None


def test_what_the_family_still_asks_for_is_named():
    """The interval leaves out 0 and the p does not pass: more tests ask for more programs."""
    named = [
        programs_to_decide(interval(0.1, 0.9), margin=0.05, p=0.02, n_open=n_open)[0]
        for n_open in (1, 4, 60)
    ]
    # t with 49 degrees of freedom is 2.41 at 0.02; it has to be 2.61, and 3.5 at 0.045 / 60.
    assert named == sorted(named) and named[0] < 50 < named[1]
    assert named[2] == pytest.approx(50 * (3.5 / 2.41) ** 2, rel=0.05)
    # Where all of the family are shown by their p, and the interval alone is wanting.
    of_none = programs_to_decide(interval(-0.1, 0.5), margin=0.1, p=1e-6, n_open=0)
    assert of_none == programs_to_decide(interval(-0.1, 0.5), margin=0.1, p=1e-6)


TRUTHS = {  # truth, margin and tests of the family, all of them of as much
    "shown": (0.3, 0.1, 1),
    "shown, of 20 tests": (0.3, 0.1, 20),
    "shown, of 300 tests": (0.5, 0.1, 300),
    "absent, half of the margin": (0.05, 0.2, 20),
    "absent, nothing at all": (0.0, 0.2, 1),
}


@pytest.mark.parametrize(("truth", "margin", "n_tests"), TRUTHS.values(), ids=TRUTHS)
def test_half_of_the_studies_of_so_many_programs_get_the_verdict(truth, margin, n_tests):
    """The number is told by a study of 12 programs whose estimate is the truth."""
    first = np.random.default_rng(3).normal(0, 1, 12)
    first = truth + (first - first.mean()) / first.std(ddof=1)
    told, p = clustered_mean(first[:, None], range(12))
    found = programs_to_decide(told[0], margin=margin, p=float(p[0]), n_open=n_tests)
    assert found is not None
    n_programs, to_come = found
    draw, programs = np.random.default_rng(4), [f"p{n:05d}" for n in range(n_programs)]
    values = draw.normal(truth, 1, (n_programs, 600))
    estimates, p_values = clustered_mean(values, programs)
    # The others of the family do as badly as they can: this one has to pass first.
    adjusted = np.minimum(1, n_tests * p_values)
    verdicts = [judge(estimates[i], margin=margin, p=adjusted[i]) for i in range(600)]
    share = np.mean([verdict is to_come for verdict in verdicts])
    assert 0.47 <= share <= 0.62  # of 600: two standard errors under a half


def test_half_of_the_studies_get_it_by_a_sign_test_too():
    """Few programs change, three of four of them upwards: eight tests, told by 40 programs."""
    shares = {1.0: 0.3, -1.0: 0.1, 0.0: 0.6}
    first = np.repeat(list(shares), [12, 4, 24])
    told = Clustered.of(first, range(40)).difference()
    found = programs_to_decide(told, margin=0.03, p=sign_test(first, range(40)), n_open=8)
    assert found is not None and found[1] is Verdict.SHOWN
    draw, programs = np.random.default_rng(5), [f"p{n:05d}" for n in range(found[0])]
    values = draw.choice(list(shares), size=(found[0], 600), p=list(shares.values()))
    estimates = Clustered.of(values, programs).difference()
    adjusted = np.minimum(1, 8 * sign_test(values, programs))
    verdicts = [judge(estimates[i], margin=0.03, p=adjusted[i]) for i in range(600)]
    assert np.mean([verdict is Verdict.SHOWN for verdict in verdicts]) >= 0.47
