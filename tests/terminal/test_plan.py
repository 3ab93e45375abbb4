"""The time that is left, against schedules worked out by hand."""

import pytest

from fimscope.terminal.plan import (
    UNKNOWN,
    Step,
    expected_seconds,
    known_seconds,
    say_seconds,
    seconds_by_kind,
    seconds_left,
)

pytestmark = pytest.mark.unit

ONE, TWO = Step("one", 100.0, 100.0), Step("two", 100.0, 100.0)
CHAIN = Step("first of three", 100.0, 300.0)


def left(waiting=(), running=None, done=0.0, spent=0.0, elapsed=0.0, cores=2):
    return seconds_left(waiting, running or {}, done, spent, elapsed, cores)


def test_at_the_start_the_cores_share_the_work_and_no_chain_is_cut_short():
    assert left([ONE, TWO]) == pytest.approx(100)
    assert left([ONE, TWO], cores=1) == pytest.approx(200)
    assert left([CHAIN, ONE, TWO], cores=64) == pytest.approx(300)
    assert left() == 0


def test_what_is_at_work_counts_as_far_as_it_is():
    half = left([], {ONE: 50.0}, elapsed=50.0, cores=1)
    assert half == pytest.approx(50)
    assert left([], {ONE: 500.0}, elapsed=500.0) >= 100  # longer than thought: a share of it more


def test_a_run_that_goes_at_half_the_speed_has_twice_as_long_to_go():
    slow = left([ONE], done=10_000.0, spent=20_000.0, elapsed=20_000.0, cores=1)
    assert slow == pytest.approx(200, rel=0.01)
    chained = left([CHAIN], done=10_000.0, spent=20_000.0, elapsed=300.0, cores=64)
    assert chained == pytest.approx(600, rel=0.01)


def test_a_step_takes_what_it_took_the_last_time_else_what_its_kind_takes(tmp_path):
    benchmark = tmp_path / "original.tsv"
    known = {"read_lens": 7.0, "sweep_positions": 8.0, "sweep_positions in shards": 60.0}
    assert expected_seconds("read_lens/original", benchmark, known) == 7
    benchmark.write_text("s\th:m:s\n12.5\t0:00:12\n")
    assert expected_seconds("read_lens/original", benchmark, known) == 12.5
    assert expected_seconds("sweep_positions/2-of-4", None, known) == 15
    assert expected_seconds("sweep_positions", None, known) == 8
    assert expected_seconds("new_step", None, known) == UNKNOWN
    for damaged in ("", "s\n", "s\n-\n", "t\n1\n"):
        benchmark.write_text(damaged)
        assert expected_seconds("read_lens/original", benchmark, known) == 7


def test_the_kinds_of_a_study_are_the_means_of_their_steps_and_of_all_shards_together():
    steps = [
        {"step": "read_lens/original", "wall_s": 10.0},
        {"step": "read_lens/rename_vars", "wall_s": 20.0},
        {"step": "sweep/1-of-2", "wall_s": 30.0},
        {"step": "sweep/2-of-2", "wall_s": 40.0},
        {"step": "sweep", "wall_s": 1.0},
    ]
    assert seconds_by_kind(steps) == {"read_lens": 15.0, "sweep": 1.0, "sweep in shards": 70.0}
    assert known_seconds()["sweep_patches"] > known_seconds("demo")["sweep_patches"] > 0
    assert known_seconds("a study of one's own") == known_seconds()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "under a minute"), (61, "1 min"), (3540, "59 min"), (7500, "2 h 05 min")],
)
def test_a_time_to_come_is_said_in_minutes(seconds, said):
    assert say_seconds(seconds) == said
