"""Which examples a small explorer shows."""

from collections import Counter

import pytest

from fimscope.gallery.draw import draw_examples

pytestmark = pytest.mark.unit
# 90 right ones, of which 20 are broken, 8 wrong ones, 2 that are mended.
OUTCOMES = {f"b{i:02}": {"right", "broken"} for i in range(20)}
OUTCOMES |= {f"r{i:02}": {"right"} for i in range(70)} | {f"w{i}": {"wrong"} for i in range(8)}
OUTCOMES |= {f"m{i}": {"wrong", "mended"} for i in range(2)}


def drawn(n: int, seed: int = 0, led_to=(), n_tables=None) -> list[str]:
    return draw_examples(OUTCOMES, n_tables or {}, led_to, n, seed)


def test_every_outcome_has_as_many_as_far_as_there_are():
    chosen = drawn(20)
    assert len(set(chosen)) == len(chosen) == 20
    counts = Counter(outcome for name in chosen for outcome in OUTCOMES[name])
    assert counts == {"mended": 2, "wrong": 10, "broken": 10, "right": 10}


def test_it_is_the_seeds_draw_and_no_more_than_there_are():
    assert drawn(20) == drawn(20) != drawn(20, seed=1)
    assert sorted(drawn(500)) == sorted(OUTCOMES)


def test_what_pages_lead_to_is_shown_and_counts():
    led_to = ["r01", "r02", "r03", "gone"]
    chosen = drawn(6, led_to=led_to)
    assert len(chosen) == 6 and {"r01", "r02", "r03"} < set(chosen)
    assert drawn(1, led_to=led_to) == ["r01", "r02", "r03"]


def test_of_an_outcome_those_of_which_more_can_be_seen_come_first():
    assert {"b07", "w3"} < set(drawn(6, n_tables={"b07": 2, "w3": 2, "r00": 1}))
