"""The time that is left, against schedules worked out by hand."""

import json
from dataclasses import replace

import pytest

from fimscope.steps.frame import Progress
from fimscope.terminal.plan import (
    SECONDS,
    UNKNOWN,
    Step,
    Work,
    expected_seconds,
    known_seconds,
    say_seconds,
    seconds_by_kind,
    seconds_left,
    seconds_said,
)

pytestmark = pytest.mark.unit

ONE, TWO = Step("one", 100.0), Step("two", 100.0)
CHAIN = {1: Step("first", 100.0, (2,)), 2: Step("second", 100.0, (3,)), 3: Step("third", 100.0)}


def left(steps, ended=None, running=None, elapsed=0.0, cores=2):
    return seconds_left(steps, ended or {}, running or {}, elapsed, cores)


def test_at_the_start_the_cores_share_the_work_and_no_chain_is_cut_short():
    assert left({1: ONE, 2: TWO}) == pytest.approx(100)
    assert left({1: ONE, 2: TWO}, cores=1) == pytest.approx(200)
    assert left(CHAIN | {4: ONE, 5: TWO}, cores=64) == pytest.approx(300)
    assert left({}) == 0
    assert left({1: ONE}, ended={1: 90.0}, elapsed=90.0) == 0


def test_what_is_at_work_counts_as_far_as_it_is():
    half = left({1: ONE}, running={1: Work(50.0)}, elapsed=50.0, cores=1)
    assert half == pytest.approx(50)
    late = left({1: ONE}, running={1: Work(500.0)}, elapsed=500.0, cores=1)
    assert late == pytest.approx(100)  # longer than thought: a share of it more
    told = left({1: ONE}, running={1: Work(500.0, 4000.0)}, elapsed=500.0, cores=1)
    assert told == pytest.approx(4000)  # by its own log


def test_a_run_that_goes_at_half_the_speed_has_twice_as_long_to_go():
    many = {n: Step(str(n), 100.0) for n in range(100)}
    took = dict.fromkeys(many, 200.0)
    slow = left(many | {200: ONE}, took, elapsed=20_000.0, cores=1)
    assert slow == pytest.approx(200, rel=0.01)
    longer = {200 + job: step for job, step in CHAIN.items()}
    longer = {job: replace(s, later=tuple(200 + n for n in s.later)) for job, s in longer.items()}
    chained = left(many | longer, took, elapsed=300.0, cores=64)
    assert chained == pytest.approx(600, rel=0.01)


def test_a_large_model_makes_its_own_steps_slower_and_no_others():
    """Of two steps with it the first is at work and has said how far it is: a tenth in 300 s."""
    first, second, plain = Step("a", 30.0, asks=True), Step("b", 30.0, asks=True), Step("c", 30.0)
    steps = {1: first, 2: second, 3: plain}
    told = left(steps, running={1: Work(300.0, 2700.0)}, elapsed=300.0, cores=1)
    speed = (30 + 3) / (30 + 300)  # thirty seconds as expected stand for what was known before
    assert told == pytest.approx(2700 + 30 / speed + 30)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("23:13:08 a: prompts: 1/3 variants (33%), 0.1/s, 20 s left\n", 15),
        ("a: begun\na: prompts: 1/3 (33%), 0.1/s, 4 min 32 s left\n", 267),
        ("a: prompts: 1/3 (33%), 0.1/s, 2 h 05 min left", 7495),
        ("a: prompts: 3/3 (100%), 0.1/s, 0 s left\n", 0),
        ("a: prompts: 1/3 (33%), 0.1/s, 20 s left\na: restore: 8178 patches\n", None),
        ("a: half a line, min left", None),
        ("", None),
    ],
)
def test_what_is_left_of_a_step_is_read_from_the_last_line_of_its_log(log, said):
    assert seconds_said(log, 5.0) == said


def test_what_a_step_says_is_what_is_read():
    for done, elapsed, left in ((50, 10.0, 10), (50, 100.0, 100), (50, 8000.0, 8000)):
        progress = Progress("prompts", 100, "prompts")
        progress.done = done
        assert seconds_said(progress.line(elapsed), 0.0) == pytest.approx(left, abs=30)


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
    assert (
        known_seconds("a study of one's own") == known_seconds("demonstration") == known_seconds()
    )
    assert known_seconds("demo").keys() <= known_seconds().keys()
    assert {"build_report", "write_summary"} <= known_seconds("demo").keys()  # the last of a run
    large = known_seconds("qwen2.5-coder-1.5b")
    assert large == known_seconds("qwen2.5-coder-1.5b-small")
    assert large["sweep_patches"] > 5 * known_seconds()["sweep_patches"]
    # What stands in no run of a study is not taken for nothing: 20 s of lens are minutes there.
    written = json.loads(SECONDS.with_name("seconds-qwen2.5-coder-1.5b.json").read_text())
    assert large["sweep_patches"] == written["sweep_patches"]
    assert known_seconds().keys() - written.keys()
    for kind in known_seconds().keys() - written.keys():
        assert large[kind] > 5 * known_seconds()[kind]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "under a minute"), (61, "1 min"), (3540, "59 min"), (7500, "2 h 05 min")],
)
def test_a_time_to_come_is_said_in_minutes(seconds, said):
    assert say_seconds(seconds) == said
