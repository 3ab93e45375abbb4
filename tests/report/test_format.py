"""Numbers in words."""

import pytest

from fimscope.report.format import (
    FEWEST_RATED,
    count,
    counted,
    rate_at,
    rate_cell,
    rate_or_count,
    say_half,
)


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 programs"), (1, "1 program"), (2, "2 programs"), (1200, "1200 programs")]
)
def test_one_is_counted_as_one(n, said):
    assert counted(n, "program") == said
    assert count({"n": 7, "n_programs": n}) == f"n = 7 ({said})"


def test_a_rate_of_few_programs_is_told_by_its_counts_in_every_table():
    few = {"n": 2, "n_programs": 1, "estimate": 0.5, "lower": 0.0, "upper": 1.0}
    assert rate_cell(few) == rate_or_count(few) == "1 of 2"
    assert rate_cell({**few, "n": 7, "n_programs": FEWEST_RATED - 1, "estimate": 1.0}) == "7 of 7"
    enough = {**few, "n": 10, "n_programs": FEWEST_RATED, "lower": 0.2, "upper": 0.8}
    assert rate_cell(enough) == "50.0 (20.0 to 80.0)"
    assert rate_or_count(enough) == "50.0% (20.0 to 80.0)"
    assert rate_cell(None) == ""
    curve = {"n_pairs": 3, "n_programs": 3, "estimate": [0, 1], "lower": [0, 0], "upper": [1, 1]}
    assert rate_or_count(rate_at(curve, 1)) == "3 of 3"


def test_an_interval_that_leaves_the_shown_points_says_why():
    half = {"half_at": 16, "half_lower": 16, "half_upper": 18}
    assert say_half(half, [16, 17, 18]) == "point 16 (16 to 18)"
    why = "; the interval counts undecided points too"
    assert say_half({**half, "half_lower": 10}, [16, 17, 18]) == f"point 16 (10 to 18){why}"
    assert say_half(half, [16, 17]) == f"point 16 (16 to 18){why}"
