"""Studies in which nothing is to be found: how many claims are made of a whole sweep."""

import numpy as np
import pytest

from fimscope.experiments.patch.curves import Curve
from fimscope.experiments.patch.numbers import compare_to_controls
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.significance import holm
from fimscope.statistics.verdicts import Verdict, judge

N_STUDIES = 250
MOST_FALSE = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_STUDIES)  # 5%, and what chance adds
POINTS = list(range(25))


def programs_of(generator, n_programs):
    """[row]: one to six holes a program."""
    return np.repeat(np.arange(n_programs), generator.integers(1, 7, size=n_programs)).astype(str)


def wandering(generator, programs):
    """Effects [row, point] around 0: a walk over the points, half of it the program's own."""
    names, codes = np.unique(programs, return_inverse=True)
    own, shared = (generator.normal(size=(n, len(POINTS))) for n in (len(programs), len(names)))
    return np.cumsum(own + shared[codes], axis=1)


@pytest.mark.parametrize("n_programs", [10, 30, 100])
@pytest.mark.parametrize("turns", [0.0, 1.0])
def test_a_sweep_whose_donor_is_one_of_its_controls_claims_nothing(n_programs, turns):
    """`paired` is drawn as `unrelated` and `random` are; of effects and of answers that turn."""
    generator = np.random.default_rng(n_programs)
    claims = 0
    for _ in range(N_STUDIES):
        programs = programs_of(generator, n_programs)
        pairs = np.arange(len(programs)).astype(str)
        values = [wandering(generator, programs) for _ in range(3)]
        interval = Clustered.difference if turns else Clustered.mean
        if turns:
            values = [(own > turns).astype(float) for own in values]
        kinds = zip(("paired", "unrelated", "random"), values, strict=True)
        curves = {kind: Curve(own, programs, pairs) for kind, own in kinds}
        claims += bool(compare_to_controls(POINTS, curves, interval)["points_above"])
    assert claims / N_STUDIES <= MOST_FALSE


@pytest.mark.parametrize("n_programs", [10, 30, 100])
def test_a_curve_without_effect_is_shown_nowhere(n_programs):
    """By t tests clustered by program, and Holm over the points."""
    generator = np.random.default_rng(n_programs)
    claims = 0
    for _ in range(N_STUDIES):
        programs = programs_of(generator, n_programs)
        found, p = clustered_mean(wandering(generator, programs), programs)
        verdicts = [
            judge(found[point], margin=0.1, p=adjusted)
            for point, adjusted in enumerate(holm(p.tolist()))
        ]
        claims += Verdict.SHOWN in verdicts
    assert claims / N_STUDIES <= MOST_FALSE


def test_without_adjustment_many_would_be_claimed():
    """That the tests above can fail: one point at a time, an empty sweep often has a finding."""
    generator = np.random.default_rng(1)
    claims = 0
    for _ in range(N_STUDIES):
        programs = programs_of(generator, 30)
        found, p = clustered_mean(wandering(generator, programs), programs)
        claims += any(judge(found[i], margin=0.1, p=p[i]) is Verdict.SHOWN for i in POINTS)
    assert claims / N_STUDIES > 2 * MOST_FALSE


@pytest.mark.parametrize(("effect", "verdict"), [(0.3, Verdict.SHOWN), (0.0, Verdict.SHOWN_ABSENT)])
def test_many_programs_decide(effect, verdict):
    """An effect of 0.3 is shown, none is shown to be absent; but for the 5% that a test errs."""
    generator = np.random.default_rng(2)
    right = 0
    for _ in range(100):
        programs = programs_of(generator, 330)
        values = effect + 0.5 * generator.normal(size=(len(programs), 1))
        found, p = clustered_mean(values, programs)
        right += judge(found[0], margin=0.1, p=p[0]) is verdict
    assert right >= 90


@pytest.mark.parametrize("effect", [0.1, 0.3])
def test_few_programs_seldom_say_that_an_effect_is_absent(effect):
    """An effect at the margin, or above it, is called absent in at most 5% of studies."""
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(N_STUDIES):
        programs = programs_of(generator, 20)
        values = effect + 0.2 * generator.normal(size=(len(programs), 1))
        found, p = clustered_mean(values, programs)
        wrong += judge(found[0], margin=0.1, p=p[0]) is Verdict.SHOWN_ABSENT
    assert wrong / N_STUDIES <= MOST_FALSE
