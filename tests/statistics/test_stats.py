"""The statistics against published values, closed forms and simulation."""

import itertools
import os
import subprocess
import sys
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, bootstrap, norm

from fimscope.statistics.bootstrap import Bootstrap, middle
from fimscope.statistics.exact_tests import mcnemar_exact, sign_test, smallest_shown
from fimscope.statistics.rates import wilson_interval
from fimscope.statistics.significance import (
    ALPHA,
    LEVEL,
    holm,
    is_clearly_significant,
    is_significant,
)

NORMAL = norm.ppf((1 + LEVEL) / 2)


@pytest.mark.parametrize(
    ("n_right", "n", "lower", "upper"),
    [
        (8, 10, 0.490, 0.943),
        (0, 10, 0.0, 0.278),  # upper = z2 / (n + z2)
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_gives_the_published_values(n_right, n, lower, upper):
    found = wilson_interval(n_right / n, n, NORMAL)
    digits = 3 if n == 10 else 4
    assert (round(found.lower, digits), round(found.upper, digits)) == (lower, upper)


@pytest.mark.parametrize(
    ("broken", "mended", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (6, 0, 2 / 64),  # 2 * (1/2)^6
        (1, 9, 2 * (1 + 10) / 1024),
        (9, 1, 2 * (1 + 10) / 1024),
    ],
)
def test_mcnemar_by_hand(broken, mended, p):
    assert mcnemar_exact(broken, mended) == pytest.approx(p)


def test_mcnemar_to_the_last_digit():
    for n in (5, 60, 600):
        shares = (Fraction(comb(n, k), 2**n) for k in range((n + 1) // 2))
        exact = [float(2 * tail) for tail in itertools.accumulate(shares)]
        found = mcnemar_exact(np.arange(len(exact)), n - np.arange(len(exact)))
        assert found == pytest.approx(exact, rel=1e-14, abs=0)


def test_holm_by_hand():
    # 0.01 * 4, then 0.02 * 3, then 0.03 * 2, then 0.5: each at least the one before
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_example_a_program_gives_the_binomial():
    """With one row a program a resampled rate is Binomial(n, rate) / n, exactly."""
    n, n_right = 80, 52
    values = np.arange(n)[:, None] < n_right
    resampled = Bootstrap(40_000).resample(values, [f"p{i}" for i in range(n)])
    rate = n_right / n
    interval = middle(resampled.draws)
    expected = binom.ppf([0.025, 0.975], n, rate) / n
    assert [interval.lower[0], interval.upper[0]] == pytest.approx(expected, abs=1 / n)
    assert resampled.draws.std() == pytest.approx(np.sqrt(rate * (1 - rate) / n), rel=0.02)


def test_rows_of_one_program_count_once():
    """Ten copies of each row, in its program, leave the spread of the means as it was."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(40, 3))
    programs = np.array([f"p{i}" for i in range(40)])
    once = Bootstrap(10_000).resample(values, programs)
    copied = Bootstrap(10_000).resample(np.repeat(values, 10, axis=0), np.repeat(programs, 10))
    assert copied.draws.std(axis=0) == pytest.approx(once.draws.std(axis=0), rel=1e-6)
    loose = Bootstrap(10_000).resample(np.repeat(values, 10, axis=0), np.arange(400).astype(str))
    assert (loose.draws.std(axis=0) < once.draws.std(axis=0) / 2).all()


def test_draws_of_programs_of_unequal_size_are_those_of_all_27():
    # programs a: 1, 1; b: 0; c: 0, 1
    sums, counts = (2, 0, 1), (2, 1, 2)
    resampled = Bootstrap(10_000).resample(np.array([1, 1, 0, 0, 1]), ["a", "a", "b", "c", "c"])
    assert resampled.value == pytest.approx(0.6)
    every = [
        sum(sums[p] for p in drawn) / sum(counts[p] for p in drawn)
        for drawn in itertools.product(range(3), repeat=3)
    ]
    found = resampled.draws
    for value in set(every):
        share = np.isclose(found, value).mean()
        assert share == pytest.approx(np.isclose(every, value).mean(), abs=0.02)


def test_the_bootstrap_is_scipys_over_programs():
    """Scipy draws programs by their sums and sizes: the mean of rows is a ratio of two means."""
    noise = np.random.default_rng(17)
    programs = np.repeat([f"p{i}" for i in range(40)], noise.integers(1, 6, size=40))
    _, codes = np.unique(programs, return_inverse=True)
    values = noise.normal(0.4, 1, size=40)[codes] + noise.normal(0, 0.5, size=len(codes))
    sums, sizes = np.bincount(codes, weights=values), np.bincount(codes)

    def mean_of_rows(sums, sizes, axis):
        return sums.sum(axis=axis) / sizes.sum(axis=axis)

    expected = bootstrap(
        (sums, sizes),
        mean_of_rows,
        paired=True,
        confidence_level=LEVEL,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(5),
    )
    found = Bootstrap(20_000, 3).resample(values, programs)
    spread = expected.standard_error
    assert found.draws.std(ddof=1) == pytest.approx(spread, rel=0.02)
    ends = middle(found.draws)
    interval = expected.confidence_interval
    assert (ends.lower, ends.upper) == pytest.approx((interval.low, interval.high), abs=spread / 10)


def test_same_seed_same_draws_whatever_the_chunks(monkeypatch):
    values = np.random.default_rng(2).normal(size=(30, 4))
    programs = [f"p{i % 11}" for i in range(30)]
    first = Bootstrap(500, 7).resample(values, programs)
    again = Bootstrap(500, 7).resample(values, programs)
    other = Bootstrap(500, 8).resample(values, programs)
    monkeypatch.setattr("fimscope.statistics.bootstrap.DRAWS_AT_ONCE", 64)
    chunked = Bootstrap(500, 7).resample(values, programs)
    assert np.array_equal(first.draws, again.draws)
    assert not np.array_equal(first.draws, other.draws)
    assert chunked.draws == pytest.approx(first.draws)


def test_a_p_of_exactly_alpha_is_not_significant():
    """1 of 20 random vectors as good: p = 0.05, which in floats is below 1 - 0.95."""
    assert LEVEL == 0.95
    assert 1 - LEVEL > ALPHA  # why p is never compared with it
    assert not is_significant(1 / 20)
    assert is_significant(0.0499)
    assert is_significant(np.array([0.04, 0.05, 1.0])).tolist() == [True, False, False]


def test_the_sign_test_counts_programs_by_hand():
    """Six programs above, none below: 2 / 2**6. A program's rows are one observation."""
    programs = list("aabbccddeeffgg")
    differences = np.array([1, 0] * 6 + [1, -1])  # g is neither above nor below
    assert sign_test(differences, programs) == pytest.approx(2 / 64)
    assert sign_test(-differences, programs) == pytest.approx(2 / 64)
    assert sign_test(np.zeros(14), programs) == 1.0


def test_a_programs_means_that_add_up_to_nothing_are_no_sign():
    """In binary 0.1 + 0.2 - 0.3 is not 0."""
    differences = np.array([0.1, 0.2, -0.3] * 5)
    assert differences[:3].sum() != 0
    assert sign_test(differences, list("aaabbbcccdddeee")) == 1.0


def test_the_sign_test_is_mcnemars_with_one_row_a_program():
    differences = np.array([1] * 15 + [-1] * 5 + [0] * 30)
    programs = [str(i) for i in range(50)]
    assert sign_test(differences, programs) == mcnemar_exact(15, 5)


def test_a_column_of_sign_tests_is_as_one_alone():
    programs = np.random.default_rng(8).integers(0, 9, size=40).astype(str)
    differences = np.random.default_rng(9).normal(size=(40, 5))
    found = sign_test(differences, programs)
    assert found.tolist() == [sign_test(column, programs) for column in differences.T]


def test_the_smallest_change_that_can_be_shown_by_hand():
    """One test of ten programs: six must change, as 2 / 2**6 is under 0.05 and 2 / 2**5 over it."""
    share = smallest_shown(10, 1)
    chance = sum(comb(10, k) * share**k * (1 - share) ** (10 - k) for k in range(6, 11))
    assert chance == pytest.approx(0.8)
    assert smallest_shown(5, 1) is None
    assert smallest_shown(10, 30) is None  # 2 / 2**10 * 30 is 0.059
    assert smallest_shown(11, 30) is not None


def test_a_change_of_that_size_is_shown_4_times_in_5():
    generator = np.random.default_rng(11)
    programs = [str(i) for i in range(60)]
    share = smallest_shown(60, 25)
    found = []
    for _ in range(2000):
        changed = generator.random(60) < share
        found.append(is_clearly_significant(holm([sign_test(changed, programs), *[1.0] * 24])[0]))
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


@pytest.mark.process
def test_intervals_and_tests_load_nothing_that_takes_long():
    """Every figure has some; `scipy.stats` takes as long to load as a small figure to draw."""
    code = """
import sys
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.exact_tests import sign_test, smallest_shown
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.one_of_many import one_of_many
import numpy as np
values, programs = np.array([0.5, 1.0, 0.0]), list("abc")
clustered_mean(values[:, None], programs), Clustered.of(values, programs).mean().numbers()
sign_test(values, programs), smallest_shown(40, 2), one_of_many(values, np.array([values, -values]))
print([name for name in ("scipy.stats", "pandas", "torch") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "scripts")}
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said == "[]\n"
