"""Intervals by hand and against libraries, and how often they cover in simulated studies."""

from runpy import run_path

import numpy as np
import pytest
from scipy.special import xlogy
from scipy.stats import norm, t

from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.rates import paired_interval, wilson_interval
from pages import ROOT

SIMULATED = run_path(str(ROOT / "benchmarks/coverage.py"))
N_STUDIES = 2000
# What a share of so many studies may differ from the truth, four times in ten thousand.
CHANCE = 3.5 * np.sqrt(0.05 * 0.95 / N_STUDIES)
# Where 20 programs are too few: see docs/method.md.
DIFFERENCE = "difference of paired rates"
MOST = {(DIFFERENCE, 20, 0.3): 0.97}
CASES = [
    (kind, n_programs, rate, correlation)
    for kind, (_, _, rates) in SIMULATED["KINDS"].items()
    for n_programs in SIMULATED["N_PROGRAMS"]
    for rate in rates
    for correlation in SIMULATED["CORRELATIONS"]
]


@pytest.mark.parametrize(("kind", "n_programs", "rate", "correlation"), CASES)
def test_intervals_cover(kind, n_programs, rate, correlation):
    n_studies = N_STUDIES if n_programs < 330 else N_STUDIES // 4
    held = SIMULATED["coverage"](kind, n_programs, rate, correlation, n_studies)
    slack = CHANCE * np.sqrt(N_STUDIES / n_studies)
    assert held > 0.935 - slack
    assert held < MOST.get((kind, n_programs, correlation), 0.965) + slack


def test_the_slack_of_chance_leaves_the_old_intervals_out():
    """Percentiles of the bootstrap, which the intervals were: 20 programs, one in ten is right."""
    generator = np.random.default_rng(1)
    programs = np.repeat(np.arange(20), generator.integers(1, 7, 20))
    values, rate = SIMULATED["simulate_rate"](generator, programs, 0.1, 0.3, N_STUDIES)
    draws = Bootstrap(400).resample(values, programs).draws
    lower, upper = np.quantile(draws, [0.025, 0.975], axis=0)
    assert ((lower <= rate) & (rate <= upper)).mean() < 0.935 - CHANCE


def test_one_row_a_program_gives_the_jackknife_and_the_effective_n_by_hand():
    values = np.array([1.0] * 12 + [0.0] * 18)
    found = Clustered.of(values, np.arange(30))
    # the jackknife of a mean of independent rows is s**2 / n, whose s**2 has n - 1
    error = values.std(ddof=1) / np.sqrt(30)
    assert found.without_each()[0] == pytest.approx(11 / 29)
    q = t.ppf(0.975, 29)
    expected = wilson_interval(0.4, 0.24 / error**2, q)  # 29 independent rows
    rate = found.rate()
    assert (rate.value, rate.lower, rate.upper) == pytest.approx(
        (0.4, expected.lower, expected.upper)
    )


def test_copies_of_rows_in_their_programs_change_nothing():
    """The program is the unit: ten copies of each row are no more than one."""
    generator = np.random.default_rng(2)
    values = generator.integers(0, 2, size=(40, 3)).astype(float)
    once = Clustered.of(values, np.arange(40))
    copied = Clustered.of(np.repeat(values, 10, axis=0), np.repeat(np.arange(40), 10))
    for name in ("mean", "rate", "difference"):
        one, other = (getattr(own, name)() for own in (once, copied))
        assert (other.n, other.n_programs) == (400, 40)
        assert other.lower == pytest.approx(one.lower)
        assert other.upper == pytest.approx(one.upper)


def test_a_symmetric_mean_has_the_t_interval():
    values = np.concatenate([np.linspace(-2, 2, 25)])
    found = Clustered.of(values, np.arange(25)).mean()
    half = t.ppf(0.975, 24) * values.std(ddof=1) / 5
    assert (found.lower, found.upper) == pytest.approx((-half, half), rel=1e-6)


def test_programs_of_unequal_size_are_worth_fewer_degrees_of_freedom():
    """Sizes 1, 1, 2, 2: the squares 1, 1, 4, 4 are worth 10**2 / 34 programs of one size."""
    values, programs = np.array([-2.0, 2, -1, -1, 1, 1]), np.array([0, 1, 2, 2, 3, 3])
    found = Clustered.of(values, programs)
    error = np.sqrt(3 / 4 * (found.without_each() ** 2).sum())
    half = t.ppf(0.975, 100 / 34 - 1) * error
    assert (found.mean().lower, found.mean().upper) == pytest.approx((-half, half), rel=1e-5)


def test_the_interval_of_a_skewed_mean_reaches_further_to_the_longer_side():
    values = np.array([0.0] * 27 + [1.0] * 3)
    up, down = (Clustered.of(sign * values, np.arange(30)).mean() for sign in (1, -1))
    assert up.upper - up.value > 1.2 * (up.value - up.lower)
    assert (down.lower, down.upper) == pytest.approx((-up.upper, -up.lower))


def test_an_outlier_bends_no_end_further_than_the_cap():
    """29 programs of 0 and one of 1: the skewness by quantile over root n is held to 3/4."""
    values = np.array([0.0] * 29 + [1.0])
    found = Clustered.of(values, np.arange(30)).mean()
    q, error = t.ppf(0.975, 29), np.sqrt(1 / 30 * 29 / 30 / 29)
    # with skewness g = 0.75 * root n / q, g / root n times g / 6 root n is 0.5625 / 6 q**2
    shift = 0.5625 / (6 * q**2)
    longer = 4 * (1 - np.cbrt(1 / 4 - shift)) * q * error
    shorter = 4 * (np.cbrt(7 / 4 - shift) - 1) * q * error
    assert (found.lower, found.upper) == pytest.approx((1 / 30 - shorter, 1 / 30 + longer))


def test_two_of_eight_programs_have_a_mean_of_less_than_one():
    values = np.array([1.0] * 2 + [0.0] * 6)
    found = Clustered.of(values, np.arange(8)).mean()
    assert -0.1 < found.lower < 0 < found.upper < 0.9


@pytest.mark.parametrize("n_programs", [*range(2, 13), 20, 50])
def test_ends_of_means_rise_with_the_number_of_programs_that_are_one(n_programs):
    counts = np.arange(1, n_programs)
    values = (np.arange(n_programs)[:, None] < counts).astype(float)
    found = Clustered.of(values, np.arange(n_programs)).mean()
    assert (np.diff(found.lower) > 0).all()
    assert (np.diff(found.upper) > 0).all()


@pytest.mark.parametrize("n_programs", [2, 3, 5, 7, 8, 12, 20, 100])
def test_ends_are_in_order_at_every_level_whatever_the_data(n_programs):
    """Of values with outliers: the value lies between its ends, and more tests widen both sides."""
    generator = np.random.default_rng(n_programs)
    programs = np.repeat(np.arange(n_programs), generator.integers(1, 7, n_programs))
    shape = (len(programs), 500)
    values = generator.standard_t(2, shape) * generator.lognormal(0, 2, shape)
    rows = Clustered.of(values, programs)
    inner = rows.mean()
    for n_tests in (2, 5, 25, 300):
        outer = rows.mean(n_tests)
        assert (outer.lower < inner.lower).all() and (inner.lower < rows.value).all()
        assert (rows.value < inner.upper).all() and (inner.upper < outer.upper).all()
        inner = outer
    # the same data, moved and stretched: the ends move and stretch with them
    moved = Clustered.of(3 - 2 * values, programs).mean()
    assert moved.upper == pytest.approx(3 - 2 * rows.mean().lower, rel=1e-3)


@pytest.mark.parametrize("n_programs", [2, 3, 5, 8, 12, 40])
def test_rates_and_differences_stay_where_they_can_be(n_programs):
    generator = np.random.default_rng(n_programs)
    programs = np.repeat(np.arange(n_programs), generator.integers(1, 7, n_programs))
    chances = generator.beta(0.3, 0.3, size=500)
    rights = (generator.random((2, len(programs), 500)) < chances).astype(float)
    rate = Clustered.of(rights[0], programs).rate()
    change = Clustered.of(rights[1] - rights[0], programs).difference()
    for least, found in ((0, rate), (-1, change)):
        assert (least <= found.lower).all() and (found.upper <= 1).all()
        assert (found.lower <= found.value + 1e-12).all()
        assert (found.value <= found.upper + 1e-12).all()


@pytest.mark.parametrize("n_programs", SIMULATED["FEW"])
@pytest.mark.parametrize("kind", SIMULATED["KINDS"])
def test_few_programs_are_covered_less_well_but_not_badly(kind, n_programs):
    for rate in SIMULATED["KINDS"][kind][2]:
        assert SIMULATED["coverage"](kind, n_programs, rate, 0.3, N_STUDIES) > 0.88


def test_differences_of_paired_rates_have_the_score_interval_with_the_effective_n():
    values = np.array([-1.0] * 6 + [1.0] * 2 + [0.0] * 32)
    found = Clustered.of(values, np.arange(40)).difference()
    variance = (8 - 40 * 0.1**2) / 39 / 40
    n = (8 / 40 - 0.1**2) / variance  # the effective n of the jackknife: 39
    assert n == pytest.approx(39)
    ends = paired_interval(np.array(39 * 2 / 40), np.array(39 * 6 / 40), 39, t.ppf(0.975, 39))
    assert (found.lower, found.upper) == pytest.approx((ends.lower, ends.upper))


@pytest.mark.parametrize(
    ("rises", "falls", "n"), [(2, 6, 40), (0, 3, 17), (9.5, 1.25, 30), (0, 0, 12)]
)
def test_the_ends_of_a_paired_difference_lie_a_quantile_of_their_own_errors_away(rises, falls, n):
    """The error is that of the likeliest shares at this end, found here by trying many."""
    q = norm.ppf(0.975)
    found = paired_interval(np.array(float(rises)), np.array(float(falls)), n, q)
    for end in (float(found.lower), float(found.upper)):
        fell = np.linspace(max(0, -end), (1 - end) / 2, 2_000_001)
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = (
                xlogy(falls, fell)
                + xlogy(rises, fell + end)
                + xlogy(n - rises - falls, 1 - 2 * fell - end)
            )
        best = fell[np.nanargmax(likelihood)]
        error = np.sqrt((2 * best + end - end**2) / n)
        assert abs((rises - falls) / n - end) == pytest.approx(q * error, rel=1e-4)


def test_differences_of_means_of_several_answers_by_hand():
    """Bonett & Price (2012): one row more that falls and one that rises; rows independent."""
    values = np.array([-1.0] * 6 + [1.0] * 2 + [0.0] * 32)
    n = 39  # the effective n of the jackknife, as above
    falls, rises = (n * share / 40 + 1 for share in (6, 2))
    mean = (rises - falls) / (n + 2)
    error = np.sqrt(((rises + falls) / (n + 2) - mean**2) / (n + 2))
    q = t.ppf(0.975, 39)
    small = Clustered.of(0.05 * values, np.arange(40)).difference()  # steps of a twentieth
    ends = 0.05 * (mean - q * error), 0.05 * (mean + q * error)
    assert (small.lower, small.upper) == pytest.approx(ends)
    alike = Clustered.of(np.full(40, -1 / 3), np.repeat(np.arange(20), 2)).difference()
    assert alike.lower < alike.value < alike.upper


def test_where_all_agree_every_program_counts_as_one_row():
    values = np.column_stack([np.zeros(20), np.ones(20), np.full(20, 1 / 3)])
    found = Clustered.of(values, np.repeat(np.arange(10), 2).astype(str))
    expected = wilson_interval(np.array([0, 1, 1 / 3]), 10, t.ppf(0.975, 9))
    assert found.rate().lower == pytest.approx(expected.lower)
    assert found.rate().upper == pytest.approx(expected.upper)
    unchanged = found.difference()[:1]
    square = t.ppf(0.975, 9) ** 2
    assert unchanged.upper == pytest.approx(square / (10 + square))
    assert unchanged.lower == -unchanged.upper


def test_one_program_decides_nothing():
    found = Clustered.of(np.array([[0.0], [1.0]]), ["a", "a"])
    for name, ends in (("rate", (0, 1)), ("difference", (-1, 1)), ("mean", (-np.inf, np.inf))):
        estimate = getattr(found, name)()
        assert (estimate.value, estimate.lower, estimate.upper) == (0.5, *ends)


def test_a_package_may_be_the_unit_and_each_may_be_left_out():
    values, packages = np.array([1.0, 1, 0, 0, 1]), np.array(["a", "a", "b", "c", "c"])
    assert Clustered.of(values, packages).without_each() == pytest.approx([1 / 3, 3 / 4, 2 / 3])


def test_false_alarms_of_points_are_why_tests_are_adjusted():
    """An interval holds for one point: among 25 independent ones some exclude the truth."""
    values = np.random.default_rng(5).normal(size=(60, 25 * 100))
    found = Clustered.of(values, np.arange(60)).mean()
    excluded = (found.lower > 0) | (found.upper < 0)
    assert excluded.mean() == pytest.approx(0.05, abs=0.015)
    assert excluded.reshape(100, 25).any(axis=1).mean() > 0.4


def test_one_column_is_as_one_of_several():
    values = np.random.default_rng(4).normal(size=(30, 3))
    programs = [f"p{i % 9}" for i in range(30)]
    several = Clustered.of(values, programs).mean()
    one = Clustered.of(values[:, 1], programs).mean()
    for key, value in one.ends().items():
        assert value == several[1].ends()[key] == several.ends()[key][1]
    assert one.numbers() == {"n": 30, "n_programs": 9, **one.ends()}


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.zeros(0), np.array([[np.nan]])])
def test_values_that_cannot_be_averaged_are_refused(values):
    with pytest.raises(ValueError, match=r"values"):
        Clustered.of(values, ["a"] * len(values))


def test_rows_and_their_programs_must_be_as_many():
    with pytest.raises(ValueError, match="differ"):
        Clustered.of(np.zeros(3), ["a"] * 2)


def test_what_is_no_rate_is_refused():
    nats = Clustered.of(np.array([0.2, -3.0]), ["a", "b"])
    for interval in (nats.rate, nats.difference):
        with pytest.raises(ValueError, match="must lie from"):
            interval()


def test_wilsons_interval_is_that_of_the_score_test():
    """Its ends are the rates that lie a quantile of their own errors away (Wilson 1927)."""
    rate, n, q = 0.3, 47.5, norm.ppf(0.975)
    found = wilson_interval(rate, n, q)
    for end in (found.lower, found.upper):
        assert abs(rate - end) == pytest.approx(q * np.sqrt(end * (1 - end) / n))
