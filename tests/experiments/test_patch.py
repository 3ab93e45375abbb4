"""Numbers and sentences on patch sweeps whose answer is known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fimscope.errors import UserError
from fimscope.experiments.components.numbers import read_components
from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.curves import read_sweep
from fimscope.experiments.patch.numbers import (
    compare_conditions,
    compare_to_controls,
    half_reached,
    sweep_numbers,
)
from fimscope.experiments.patch.section import say_conditions, say_exactness, say_sweep
from fimscope.experiments.patch.tables import PAIRS, PATCHES
from fimscope.files.tables import write_table
from fimscope.report.format import spans
from fimscope.report.sections import read_section
from fimscope.statistics.bootstrap import Bootstrap
from synthetic import (
    MANIFEST,
    N_POINTS,
    N_PROGRAMS,
    RISE,
    component_rows,
    pair_rows,
    patch_rows,
    write_sweep,
)

SCRIPTS = Path(__file__).parents[2] / "scripts"
DRAWS = 800


def test_sweep_finds_the_effect_where_it_was_put(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("restore", rise=RISE, seed=1))
    found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS))
    assert (found["n_pairs"], found["n_small_gap"]) == (40, 1)
    assert found["points"] == list(range(N_POINTS))
    assert found["comparison"]["points_above"] == list(range(RISE, N_POINTS))
    assert (found["comparison"]["n_pairs"], found["comparison"]["n_programs"]) == (40, N_PROGRAMS)
    paired = found["effects"]["paired"]
    assert paired["estimate"] == pytest.approx([0] * RISE + [0.8] * (N_POINTS - RISE), abs=0.15)
    assert found["flips"]["paired"]["estimate"] == [0] * RISE + [1] * (N_POINTS - RISE)
    assert found["flips"]["self"]["estimate"] == [0] * N_POINTS  # whatever to_donor says
    assert found["flips"]["paired"]["n_pairs"] == 40
    assert found["largest_self_effect"] == 0
    sentences = " ".join(say_sweep(found))
    assert f"at points {RISE} to {N_POINTS - 1};" in sentences
    assert "do not trust" not in sentences


def test_sweep_without_effect_is_said_to_have_none(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("same_type", rise=N_POINTS, seed=2))
    found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS))
    assert found["comparison"]["points_above"] == []
    assert "no effect is shown" in say_sweep(found)[0]


def test_chance_seldom_puts_the_paired_donor_above_its_controls(tmp_path):
    alarms = []
    for seed in range(60):
        path, pairs = write_sweep(tmp_path, patch_rows("same_type", N_POINTS, 100 + seed, 24))
        sweep = read_sweep(path, pairs, "last")
        found = compare_to_controls(sweep.points, sweep.flips)
        alarms.append(bool(found["points_above"]))
    assert np.mean(alarms) <= 0.08


def test_a_self_patch_that_changes_something_is_told(tmp_path):
    rows = patch_rows("restore", rise=RISE, seed=1)
    next(row for row in rows[100:] if row["donor_kind"] == "self")["normalised_effect"] = -0.4
    path, pairs = write_sweep(tmp_path, rows)
    found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS))
    assert found["largest_self_effect"] == pytest.approx(0.4)
    (sentence,) = say_exactness([found])
    assert "up to 0.400 of the way to its donor" in sentence
    assert "do not trust" in sentence


def test_patches_of_other_pairs_are_refused(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("restore", rise=RISE, seed=1))
    with pytest.raises(UserError, match="not in the pairs table"):
        read_sweep(path, pairs.slice(8), "last")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: [{**row, "position": "use"} for row in rows], "it holds: use"),
        (lambda rows: rows[:-1], "lacks a point"),
        (lambda rows: [*rows, rows[0]], "several rows at one place"),
        (lambda rows: [*rows[1:], {**rows[0], "condition": "break"}], "one expected in each file"),
    ],
)
def test_a_spoilt_patch_table_is_refused(tmp_path, spoil, message):
    path, pairs = write_sweep(tmp_path, spoil(patch_rows("restore", rise=RISE, seed=1)))
    with pytest.raises(UserError, match=message):
        read_sweep(path, pairs, "last")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [([3], "point 3"), ([3, 4, 5], "points 3 to 5"), ([0, 3, 4, 6], "points 0, 3 to 4, 6")],
)
def test_spans(chosen, words):
    assert spans(chosen, range(8)) == words


def test_half_of_the_maximum_by_hand():
    curves = np.array([[0.0, 0.4, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 0.2, 0.1, 0.3]])
    assert half_reached(curves).tolist() == [2, 3, 1]


def test_half_of_the_maximum_has_an_interval_over_programs(tmp_path):
    """A quarter of the programs turn one point later: the interval holds both points."""
    rows = patch_rows("restore", rise=RISE, seed=1)
    late = {f"p{i:02d}" for i in range(10)}
    for row in rows:
        if row["program_id"] in late and row["point"] == RISE:
            row["predicted_token_id"] = 7
    path, pairs = write_sweep(tmp_path, rows)
    half = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS))["half_of_flips"]
    assert (half["half_lower"], half["half_upper"]) == (RISE, RISE + 1)
    assert half["maximum"] == 1


def write_pair_of_conditions(folder, rise):
    """same_type turns at RISE, wrong_to_wrong at another point, on the same recipients."""
    found = []
    for condition, start in (("same_type", RISE), ("wrong_to_wrong", rise)):
        path, pairs = write_sweep(folder, patch_rows(condition, rise=start, seed=1))
        found.append(read_sweep(path, pairs, "last"))
    return found


def test_two_conditions_that_turn_at_one_point_are_not_told_apart(tmp_path):
    one, other = write_pair_of_conditions(tmp_path, RISE)
    found = compare_conditions(one, other, Bootstrap(DRAWS))
    assert (found["n_pairs"], found["n_programs"]) == (40, N_PROGRAMS)
    assert found["difference"] == [0] * N_POINTS
    assert found["half_difference"] == {"estimate": 0, "lower": 0, "upper": 0}
    assert "no difference is shown" in say_conditions(found)[0]


def test_two_conditions_that_turn_at_other_points_are_told_apart(tmp_path):
    one, other = write_pair_of_conditions(tmp_path, RISE + 2)
    found = compare_conditions(one, other, Bootstrap(DRAWS))
    assert found["difference"] == [0] * RISE + [-1, -1] + [0] * (N_POINTS - RISE - 2)
    assert found["half_difference"]["estimate"] == 2
    (sentence,) = say_conditions(found)
    assert f"differ at points {RISE} to {RISE + 1}" in sentence
    assert "the two are not carried alike" in sentence


def test_conditions_without_a_common_recipient_are_not_compared(tmp_path):
    one, other = write_pair_of_conditions(tmp_path, RISE)
    for curve in other.flips.values():
        curve.pairs[:] = [pair.replace("-e", "-f") for pair in curve.pairs]
    assert compare_conditions(one, other, Bootstrap(DRAWS)) is None
    assert say_conditions(None) == []


def test_a_component_with_an_effect_is_found_alone(tmp_path):
    path, pairs = write_sweep(tmp_path, component_rows("restore", (2, 1)), "components")
    heads = sweep_numbers(read_components(path, pairs, "head"), Bootstrap(DRAWS))
    assert heads["points"] == list(range(8))
    assert heads["effect_comparison"]["points_above"] == [5]  # head 1 of block 2, 2 heads each
    mlps = sweep_numbers(read_components(path, pairs, "mlp_output"), Bootstrap(DRAWS))
    assert mlps["points"] == list(range(4))
    assert mlps["effect_comparison"]["points_above"] == []


@pytest.fixture
def study(tmp_path):
    """Tables of patches of which one condition has an effect, one none, and one no pairs."""
    patches = {
        "restore": patch_rows("restore", rise=RISE, seed=1),
        "same_type": patch_rows("same_type", rise=N_POINTS, seed=2),
        "wrong_to_wrong": [],
    }
    for condition, rows in patches.items():
        write_table(tmp_path / f"patches/{condition}.parquet", PATCHES, rows, MANIFEST)
        wide = [
            {**row, "position": position, "n_points": size}
            for position, size in (("last", 1), ("hole_name", 1), ("hole_name", 3))
            for row in rows
        ]
        write_table(tmp_path / f"positions/{condition}.parquet", PATCHES, wide, MANIFEST)
        parts = component_rows(condition, (2, 1)) if rows else []
        write_table(tmp_path / f"components/{condition}.parquet", COMPONENTS, parts, MANIFEST)
    pairs = [pair for rows in patches.values() for pair in pair_rows(rows)]
    write_table(tmp_path / "pairs.parquet", PAIRS, pairs, MANIFEST)
    return tmp_path


def run_plot(study, name, flag, folder, *more):
    out = study / "out"
    tables = sorted((study / folder).glob("*.parquet"))
    subprocess.run(
        [
            *(sys.executable, SCRIPTS / f"{name}.py", f"--{flag}", *tables),
            *("--pairs", study / "pairs.parquet", "--draws", str(DRAWS), "--seed", "0"),
            *("--out-svg", out / "a.svg", "--out-png", out / "a.png"),
            *("--out-section", out / "section.json", *more),
        ],
        check=True,
        capture_output=True,
    )
    assert (out / "a.svg").stat().st_size > 2000
    return read_section(out / "section.json")


@pytest.mark.process
def test_the_section_of_patches_tells_the_known_answer(study):
    section = run_plot(study, "plot_patches", "patches", "patches")
    page = " ".join(section.reading)
    for expected in (
        f"than every control does at points {RISE} to {N_POINTS - 1}",
        f"half of its maximum is reached at point {RISE} ({RISE} to {RISE}).",
        "`same_type`: at no point does the paired donor turn more recipients to the gold",
        "`wrong_to_wrong`: no pair was found, so it shows nothing",
    ):
        assert expected in page
    assert [sweep["condition"] for sweep in section.numbers["sweeps"]] == [
        *("restore", "same_type", "wrong_to_wrong")
    ]
    first = section.tables[0].rows[0]
    assert first[:5] == ["`restore`", "gold", f"40 ({N_PROGRAMS})", "1", "points 3 to 6"]
    json.dumps(section.numbers, allow_nan=False)


@pytest.mark.process
def test_the_section_of_positions_has_every_position_and_window(study):
    more = ("--out-windows-svg", study / "b.svg", "--out-windows-png", study / "b.png")
    section = run_plot(study, "plot_patch_positions", "patches", "positions", *more)
    rows = [row[:3] for row in section.tables[0].rows]
    for condition in ("`restore`", "`same_type`"):
        assert [condition, "`hole_name`", "3"] in rows
        assert [condition, "`last`", "1"] in rows
    page = " ".join(section.reading)
    assert f"above every control at `last` (points {RISE} to {N_POINTS - 1}), `hole_name`" in page
    assert "`same_type`: at no position is the donor above all its controls" in page
    assert "patch_windows.svg" in dict(section.figures)


@pytest.mark.process
def test_the_section_of_components_names_the_head(study):
    section = run_plot(study, "plot_components", "components", "components")
    page = " ".join(section.reading)
    assert (
        "`restore`: above every control are 1 of 8 heads; the largest mean effect is that of "
        in page
    )
    assert "head 1 of block 2" in page
    assert "`wrong_to_wrong`: no pair was found" in page
