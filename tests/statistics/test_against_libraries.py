"""The statistics against an independent implementation: statsmodels."""

import numpy as np
import pytest
from scipy.stats import norm, t

from fimscope.statistics.clustered import clustered_difference, clustered_mean
from fimscope.statistics.exact_tests import mcnemar_exact, sign_test
from fimscope.statistics.rates import wilson_interval
from fimscope.statistics.significance import LEVEL, holm

# Not pulled in by the study itself: a checkout without the test pins skips this file.
sm = pytest.importorskip("statsmodels.api", reason="no statsmodels; see requirements-dev.txt")


def clustered_ols(values, columns, programs, corrected):
    """Ordinary least squares with errors clustered by program, and t tests."""
    groups = np.unique(programs, return_inverse=True)[1]
    options = {"groups": groups, "use_correction": corrected}
    return sm.OLS(values, columns).fit(cov_type="cluster", cov_kwds=options, use_t=True)


@pytest.fixture
def noise():
    return np.random.default_rng(17)


def rows_of_programs(noise, n_programs, name="p"):
    """Rows of programs of unequal size, whose values hang together: values and programs [row]."""
    sizes = noise.integers(1, 6, size=n_programs)
    programs = np.repeat([f"{name}{i:03d}" for i in range(n_programs)], sizes)
    values = np.repeat(noise.normal(0.4, 1, size=n_programs), sizes)
    return values + noise.normal(0, 0.5, size=len(values)), programs


@pytest.mark.parametrize("n_programs", [2, 5, 30])
def test_the_clustered_mean_is_least_squares_on_a_constant(noise, n_programs):
    values, programs = rows_of_programs(noise, n_programs)
    found, p = clustered_mean(values[:, None], programs)
    expected = clustered_ols(values, np.ones((len(values), 1)), programs, corrected=True)
    assert found.value == pytest.approx(expected.params)
    assert p == pytest.approx(expected.pvalues)


def test_the_difference_of_two_sets_of_programs_adds_their_errors(noise):
    """Each group's error is that of its own regression, as in Welch's test."""
    groups = [rows_of_programs(noise, n, name) for n, name in ((12, "a"), (7, "b"))]
    errors = [
        clustered_ols(values, np.ones((len(values), 1)), programs, corrected=True).bse[0]
        for values, programs in groups
    ]
    values, programs = (np.concatenate(parts) for parts in zip(*groups, strict=True))
    found, _ = clustered_difference(values[:, None], np.char.startswith(programs, "a"), programs)
    half = t.ppf((1 + LEVEL) / 2, 7 - 1) * np.hypot(*errors)
    assert found.value == pytest.approx(groups[0][0].mean() - groups[1][0].mean())
    assert found.upper - found.value == pytest.approx(half)


def test_the_difference_within_programs_is_least_squares_on_the_group(noise):
    """Programs with rows in both groups: the sandwich of the slope, by its one correction."""
    n_programs = 15
    values, programs = (
        np.concatenate(parts)
        for parts in zip(*(rows_of_programs(noise, n_programs) for _ in range(2)), strict=True)
    )
    first = np.zeros(len(values), dtype=bool)
    first[: len(first) // 2] = True
    first[np.unique(programs, return_index=True)[1]] = True  # every program has both
    last = len(programs) - 1 - np.unique(programs[::-1], return_index=True)[1]
    first[last] = False
    found, p = clustered_difference(values[:, None], first, programs)
    columns = sm.add_constant(first.astype(float))
    expected = clustered_ols(values, columns, programs, corrected=False)
    assert found.value == pytest.approx(expected.params[1:])
    error = expected.bse[1] * np.sqrt(n_programs / (n_programs - 1))
    assert found.upper - found.value == pytest.approx(t.ppf((1 + LEVEL) / 2, 14) * error)
    assert p == pytest.approx(2 * t.sf(abs(expected.params[1]) / error, 14))


def test_wilson_intervals_are_those_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for n in (1, 7, 150):
        for n_right in {0, 1, n // 2, n}:
            found = wilson_interval(n_right / n, n, norm.ppf((1 + LEVEL) / 2))
            expected = proportion_confint(n_right, n, alpha=1 - LEVEL, method="wilson")
            assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-12)


def test_mcnemars_test_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    for broken, mended in ((0, 1), (3, 9), (40, 22), (250, 250)):
        table = [[100, broken], [mended, 50]]
        expected = mcnemar(table, exact=True).pvalue
        assert mcnemar_exact(broken, mended) == pytest.approx(expected)


def test_the_sign_test_is_that_of_statsmodels_on_the_programs_sums(noise):
    from statsmodels.stats.descriptivestats import sign_test as sign_test_of_rows

    values, programs = rows_of_programs(noise, 25)
    sums = [values[programs == name].sum() for name in np.unique(programs)]
    assert sign_test(values, programs) == pytest.approx(sign_test_of_rows(np.array(sums), 0)[1])


def test_holms_p_values_are_those_of_statsmodels(noise):
    from statsmodels.stats.multitest import multipletests

    for n in (1, 4, 60):
        p_values = noise.random(n) ** 3
        expected = multipletests(p_values, method="holm")[1]
        assert holm(p_values.tolist()) == pytest.approx(expected)
