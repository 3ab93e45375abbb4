"""Rows that hang together by program and by what was planted in them."""

import numpy as np
import pytest
from scipy.stats import t

from fimscope.statistics.claims import judged
from fimscope.statistics.crossed import Crossed, crossed_rates
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.paired import paired_rates
from fimscope.statistics.verdicts import Verdict

VALUES = np.array([1.0, 0, 1, 1, 0, -1, 1, 0, 1, 1])
PROGRAMS = [*"aabbccddee"]
NAMES = [*"xyxyxyxyzz"]


def jackknife(values: np.ndarray, units: np.ndarray) -> float:
    """The variance of a mean by leaving each unit out, spelled out."""
    names = sorted(set(units))
    without = np.array([values[units != name].mean() for name in names])
    return (len(names) - 1) / len(names) * ((without - values.mean()) ** 2).sum()


def test_the_variance_is_that_of_each_unit_less_what_they_share():
    """Rows apart on purpose: each program has each name once, but for the last."""
    found = Crossed.by(VALUES, PROGRAMS, [NAMES])
    both = [f"{one}{other}" for one, other in zip(PROGRAMS, NAMES, strict=True)]
    by_program, by_name, by_both = (
        jackknife(VALUES, np.array(own)) for own in (PROGRAMS, NAMES, both)
    )
    expected = max(by_program, by_name, by_program + by_name - by_both)
    assert found._variance() == pytest.approx(expected)
    # Names of 4, 4 and 2 rows are worth 10**2 / 36 names of one size.
    ratio = VALUES.mean() / np.sqrt(expected)
    half = t.ppf(0.975, 100 / 36 - 1) * np.sqrt(expected)
    assert found.mean().upper == pytest.approx(VALUES.mean() + half, rel=1e-5)
    assert found.p() == pytest.approx(2 * t.sf(ratio, 100 / 36 - 1))


def test_units_of_one_row_each_add_nothing():
    alone = Clustered.of(VALUES, PROGRAMS)
    crossed = Crossed.by(VALUES, PROGRAMS, [range(len(VALUES))])
    assert crossed._variance() == pytest.approx(
        max(alone._variance(), VALUES.var(ddof=1) / len(VALUES))
    )
    for name in ("rate", "difference"):
        values = np.abs(VALUES) if name == "rate" else VALUES
        one, other = (
            getattr(own, name)().ends()
            for own in (Clustered.of(values, PROGRAMS), Crossed.by(values, PROGRAMS, []))
        )
        assert one == other
    assert crossed_rates(VALUES, PROGRAMS, []) == paired_rates(VALUES, PROGRAMS)


def test_two_units_that_are_one_count_once():
    once, twice = (Crossed.by(VALUES, PROGRAMS, [NAMES] * n) for n in (1, 2))
    assert twice.difference().ends() == once.difference().ends()


def test_one_name_decides_nothing_of_names():
    found = crossed_rates(np.ones(30), np.arange(30), [["x"] * 30])
    assert (found["estimate"], found["lower"], found["upper"], found["p"]) == (1, -1, 1, 1)
    rate = Crossed.by(np.ones(30), np.arange(30), [["x"] * 30]).rate()
    assert (rate.lower, rate.upper) == (0, 1)


N_STUDIES = 400
MOST_MISSED = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_STUDIES)


@pytest.mark.parametrize("n_controls", [0, 1])
@pytest.mark.parametrize(("n_names", "shared"), [(6, 0.0), (12, 0.0), (12, 0.2), (40, 0.2)])
def test_intervals_hold_the_truth_where_names_have_effects_of_their_own(
    n_names, shared, n_controls
):
    """60 answers of 30 programs: each name, control's name and program moves them up or down."""
    generator = np.random.default_rng(n_names + n_controls)
    missed, alone = 0, 0
    for _ in range(N_STUDIES):
        programs = generator.integers(0, 30, 60)
        weights = generator.dirichlet(np.full(n_names, 2.0))
        names = generator.choice(n_names, (1 + n_controls, 60), p=weights)
        effects = 0.3 * generator.choice([-1, 1], (1 + n_controls, n_names))
        of_program = shared * generator.choice([-1, 1], 30)[programs]
        signs = [1, -1][: 1 + n_controls]
        mean = (
            0.1
            + of_program
            + sum(
                sign * own[chosen] for sign, own, chosen in zip(signs, effects, names, strict=True)
            )
        )
        # -1, 0 or 1 with this mean
        values = np.sign(mean) * (generator.random(60) < np.abs(mean))
        missed += not _holds(Crossed.by(values, programs, list(names)), 0.1)
        alone += not _holds(Clustered.of(values, programs), 0.1)
    assert missed / N_STUDIES <= MOST_MISSED
    if n_names < 40:
        assert alone / N_STUDIES > MOST_MISSED  # what intervals over programs alone miss


def test_what_holds_of_many_names_is_shown():
    """80 answers, 20 names: of 30% in the control 65% on average over the names, and 35% or 95%."""
    generator = np.random.default_rng(1)
    shown = 0
    for _ in range(100):
        names = generator.integers(0, 20, 80)
        effects = 0.35 + 0.3 * generator.choice([-1, 1], 20)[names]
        own, control = generator.random((2, 80)) < [0.3 + effects, np.full(80, 0.3)]
        found = crossed_rates(own * 1.0 - control, np.arange(80), [names])
        shown += judged(found, 0.03)["verdict"] is Verdict.SHOWN
    assert shown >= 70


def _holds(rows: Clustered, truth: float) -> bool:
    found = rows.difference()
    return bool(found.lower <= truth <= found.upper)
