"""Numbers and sentences on patch sweeps whose answer is known."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from bare_points import bare_points
from fimscope.errors import UserError
from fimscope.experiments.components.numbers import (
    component_numbers,
    largest_each_way,
    read_components,
)
from fimscope.experiments.components.section import components_section
from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.curves import Curve, Sweep, read_sweep
from fimscope.experiments.patch.exactness import (
    UNIT_ROUNDOFF,
    Rounding,
    exactness_numbers,
    say_exactness,
)
from fimscope.experiments.patch.numbers import (
    compare_conditions,
    compare_to_controls,
    half_reached,
    sweep_numbers,
    verdicts_of,
)
from fimscope.experiments.patch.section import most_turned, patches_section, say_conditions
from fimscope.experiments.patch.tables import PAIRS, PATCHES
from fimscope.files.tables import write_table
from fimscope.report.figures import fill_figures
from fimscope.report.format import spans
from fimscope.report.sections import read_section
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.verdicts import Verdict
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
MARGIN = 0.1
ALL_POINTS = (range(N_POINTS), range(N_POINTS))


def test_sweep_finds_the_effect_where_it_was_put(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("restore", rise=RISE, seed=1))
    found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS), MARGIN)
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
    assert verdicts_of(found, found["comparison"]) == {
        Verdict.SHOWN: list(range(RISE, N_POINTS)),
        Verdict.SHOWN_ABSENT: [],  # 20 programs and this noise leave 0.1 open
        Verdict.UNDECIDED: list(range(RISE)),
    }
    assert say_exactness(exactness_numbers([found], Rounding("float32", 0.5))) == []


def test_sweep_without_effect_is_undecided_or_shown_to_have_none(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("same_type", rise=N_POINTS, seed=2))
    for margin, verdict in ((0.01, Verdict.UNDECIDED), (0.3, Verdict.SHOWN_ABSENT)):
        found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS), margin)
        assert verdicts_of(found, found["comparison"])[verdict] == list(range(N_POINTS))


def test_chance_seldom_puts_the_paired_donor_above_its_controls(tmp_path):
    alarms = []
    for seed in range(60):
        path, pairs = write_sweep(tmp_path, patch_rows("same_type", N_POINTS, 100 + seed, 24))
        sweep = read_sweep(path, pairs, "last")
        found = compare_to_controls(sweep.points, sweep.flips, Clustered.difference)
        alarms.append(bool(found["points_above"]))
    assert np.mean(alarms) <= 0.08


def test_differences_of_shares_that_turn_lie_where_they_can(tmp_path):
    """Of three programs one turns, or all do: the interval of a mean would pass 1."""
    programs = pairs = np.array(["a", "b", "c"])
    turned = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    curves = {"paired": Curve(turned, programs, pairs)}
    curves["random"] = Curve(np.zeros((3, 2)), programs, pairs)
    assert Clustered.of(turned[:, 0], programs).mean().upper > 1
    found = compare_to_controls([0, 1], curves, Clustered.difference)
    assert found["difference"]["random"] == pytest.approx([1 / 3, 1], abs=1e-6)
    assert -1 <= min(found["lower"]["random"]) <= max(found["upper"]["random"]) <= 1


def test_the_most_that_turn_of_few_programs_are_counted(tmp_path):
    rows = patch_rows("restore", rise=RISE, seed=1, n_pairs=4)
    path, pairs = write_sweep(tmp_path, rows)
    found = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS), MARGIN)
    assert most_turned(found, "paired") == f"4 of 4 at point {RISE}"
    (table,) = patches_section([found], None, Rounding("float32", 0.5)).tables[1:]
    assert [row[3] for row in table.rows] == ["0 of 4"] * RISE + ["4 of 4"] * (N_POINTS - RISE)


def sweep_whose_self_changes(folder, effects):
    """Numbers of a sweep of 40 pairs, of which so many `self` patches have these effects."""
    rows = patch_rows("restore", rise=RISE, seed=1)
    itself = [row for row in rows if row["donor_kind"] == "self" and row["point"] == 1]
    for row, effect in zip(itself[1:], effects, strict=False):  # the first one's gap is too small
        row["normalised_effect"] = effect
    path, pairs = write_sweep(folder, rows)
    return sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS), MARGIN)


@pytest.mark.parametrize(
    ("dtype", "effects", "largest", "mean", "verdict"),
    [
        ("bfloat16", [-0.6], "0.600", "0.015", "do not trust"),  # one patch that is wrong
        ("bfloat16", [0.14], "0.140", "0.004", "exact to that only"),  # one step of 0.125 in 0.9
        ("bfloat16", [0.2] * 40, "0.200", "0.200", "do not trust"),  # small, and all one way
        ("float16", [0.14], "0.140", "0.004", "do not trust"),
        ("float32", [0.01], "0.010", "0.000", "do not trust"),
        ("float32", [0.003], "0.003", "0.000", "exact to that only"),
    ],
)
def test_a_self_patch_that_changes_something_is_told(
    tmp_path, dtype, effects, largest, mean, verdict
):
    found = sweep_whose_self_changes(tmp_path, effects)
    (sentence,) = say_exactness(exactness_numbers([found], Rounding(dtype, 0.5)))
    assert f"up to {largest} of the way to its donor" in sentence
    assert f"mean at a point by up to {mean}" in sentence and verdict in sentence
    assert dtype in sentence


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
def test_what_a_dtype_rounds_is_within_its_limits(tmp_path, dtype):
    """Logits of 16 to 32, rounded by torch before and after a change that is none in reals."""
    rounding, n, points = Rounding(dtype, 0.5), 40, 28
    draw, taken = torch.Generator().manual_seed(1), getattr(torch, dtype)
    exact = 17 + 14 * torch.rand(2, 1, n, generator=draw, dtype=torch.float64)
    noise = rounding.step * (torch.rand(2, points, n, 2, generator=draw, dtype=torch.float64) - 0.5)
    before, after = (
        (exact + noise[..., i]).to(taken).double().diff(dim=0)[0] / rounding.min_gap for i in (0, 1)
    )
    changes = (after - before).abs()
    two_steps = 2 * rounding.step / rounding.min_gap
    assert two_steps / 2 < changes.max() <= two_steps <= rounding.limit
    assert (after - before).mean(dim=1).abs().max() <= rounding.mean_limit(n)
    assert torch.finfo(taken).eps / 2 == UNIT_ROUNDOFF[dtype]
    assert Rounding("float32", 0.5).limit <= 1e-2


def test_the_dtype_is_that_of_the_tables_manifest(tmp_path):
    settings = {"dtype": "bfloat16", "min_gap": 0.25}
    for name, manifest in (("made", {"settings": settings}), ("own", {"step": "by hand"})):
        write_table(tmp_path / name, PATCHES, [], manifest)
    assert Rounding.of(tmp_path / "made") == Rounding("bfloat16", 0.25)
    assert Rounding.of(tmp_path / "own").limit == Rounding("float32", 0.5).limit


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
    assert half_reached(curves, range(4)).tolist() == [2, 3, 1]
    assert half_reached(curves, [1, 3]).tolist() == [3, 3, 1]
    assert half_reached(curves, [0, 1]).tolist() == [1, 1, 1]


def test_half_is_told_only_of_points_above_the_controls(tmp_path):
    """A control does more than the paired donor where that first has half of its effect."""
    rows = patch_rows("restore", rise=RISE, seed=1)
    for row in rows:
        if row["donor_kind"] != "paired" and row["normalised_effect"] is not None:
            row["normalised_effect"] += row["point"] == RISE and row["donor_kind"] != "self"
    path, pairs = write_sweep(tmp_path, rows)
    sweep = read_sweep(path, pairs, "last")
    found = sweep_numbers(sweep, Bootstrap(DRAWS), MARGIN)
    assert RISE in found["comparison"]["points_above"]  # its answers turn all the same
    assert found["half_of_effect"]["half_at"] == found["half_of_effect"]["half_lower"] == RISE + 1


def test_half_of_the_maximum_has_an_interval_over_programs(tmp_path):
    """Half of the programs' effect comes one point later: the interval holds both points."""
    rows = patch_rows("restore", rise=RISE, seed=1)
    late = {f"p{i:02d}" for i in range(10)}
    for row in rows:
        paired = row["donor_kind"] == "paired" and row["normalised_effect"] is not None
        if paired and row["program_id"] in late and row["point"] == RISE:
            row["normalised_effect"] -= 0.8
    path, pairs = write_sweep(tmp_path, rows)
    half = sweep_numbers(read_sweep(path, pairs, "last"), Bootstrap(DRAWS), MARGIN)[
        "half_of_effect"
    ]
    assert (half["half_lower"], half["half_upper"]) == (RISE, RISE + 1)
    assert half["maximum"] == pytest.approx(0.8, abs=0.1)


def rising(seed, mean, n_programs):
    """A paired donor of known mean effect [point], two recipients a program, and two controls of
    none; a recipient turns where the effect passes about 0.7."""
    rng = np.random.default_rng(seed)
    programs = np.repeat([f"p{i:03d}" for i in range(n_programs)], 2)
    n, pairs = len(programs), np.array([f"restore-e{i:03d}" for i in range(2 * n_programs)])
    passes = rng.normal(0.7, 0.2, (n, 1))
    effects, flips = {}, {}
    for kind, curve in (("paired", mean), ("unrelated", 0 * mean), ("random", 0 * mean)):
        own = rng.normal(0, 0.25, (n_programs, len(mean))).repeat(2, axis=0)
        values = curve + own + rng.normal(0, 0.3, (n, len(mean)))
        effects[kind] = Curve(values, programs, pairs)
        flips[kind] = Curve((values > passes).astype(float), programs, pairs)
    return Sweep("restore", "last", list(range(len(mean))), effects, flips, n, 0)


# Mean effects and where they first have half of their maximum.
CURVES = {
    "steep": (1 / (1 + np.exp(1.2 * (5.6 - np.arange(12)))), 6),
    "slow": (np.linspace(0, 1, 12), 6),
    "hump": (0.8 * np.exp(-(((np.arange(12) - 6.3) / 2.2) ** 2) / 2), 4),
}


@pytest.mark.parametrize("n_programs", [20, 60])
@pytest.mark.parametrize("curve", CURVES)
def test_the_interval_of_the_half_point_holds_the_true_one(curve, n_programs):
    """Of 20 programs the true point is seldom shown: the interval reaches down to it."""
    mean, truth = CURVES[curve]
    assert truth == np.argmax(mean >= mean.max() / 2)
    halves = [
        sweep_numbers(rising(seed, mean, n_programs), Bootstrap(300), MARGIN)["half_of_effect"]
        for seed in range(60)
    ]
    told = [half for half in halves if half]
    assert len(told) > 50
    assert all(half["half_lower"] <= half["half_at"] <= half["half_upper"] for half in told)
    held = [half["half_lower"] <= truth <= half["half_upper"] for half in told]
    assert np.mean(held) >= 0.93
    assert np.mean([half["half_at"] for half in told]) < truth + 2


def simulated(seed, gap=0.0, n_programs=78, thresholds=(0.29, 0.53)):
    """Two conditions on 1.2 recipients a program, the effect of the second `gap` larger.

    A recipient turns where its effect passes its threshold, which is higher in the second.
    """
    rng = np.random.default_rng(seed)
    n = round(1.2 * n_programs)
    programs = np.array([f"p{i % n_programs:03d}" for i in range(n)])
    mean = np.linspace(0.1, 0.9, N_POINTS)
    sweeps = []
    for place, condition in enumerate(("same_type", "wrong_to_wrong")):
        own = rng.normal(0, 0.2, (n_programs, 1))[np.arange(n) % n_programs]
        effects = mean + own + rng.normal(0, 0.3, (n, N_POINTS)) + place * gap
        passes = thresholds[place] + rng.normal(0, 0.1, (n, 1))
        pairs = np.array([f"{condition}-e{i:03d}" for i in range(n)])
        sweeps.append(
            Sweep(
                condition=condition,
                position="last",
                points=list(range(N_POINTS)),
                effects={"paired": Curve(effects, programs, pairs)},
                flips={"paired": Curve((effects > passes).astype(float), programs, pairs)},
                n_pairs=n,
                n_small_gap=0,
            )
        )
    return sweeps


def verdict_shares(n_studies, **study):
    found = Counter(
        compare_conditions(*simulated(seed, **study), ALL_POINTS, MARGIN)["verdict"]
        for seed in range(n_studies)
    )
    return {verdict: found[verdict] / n_studies for verdict in Verdict}


def test_equal_effects_are_seldom_told_apart_whatever_turns_a_recipient():
    """Equal effects, but one condition's recipients are surer of their answer: fewer turn."""
    turned = [
        [curve.values.mean() for curve in (one.flips["paired"], other.flips["paired"])]
        for one, other in map(simulated, range(20))
    ]
    assert np.diff(turned).max() < -0.1  # the shares that turn do differ
    assert verdict_shares(600)[Verdict.SHOWN] <= 0.05
    assert verdict_shares(600, n_programs=20)[Verdict.SHOWN] <= 0.05


def test_a_difference_is_shown_and_likeness_too_where_the_programs_suffice():
    assert verdict_shares(40, gap=0.3)[Verdict.SHOWN] >= 0.95
    assert verdict_shares(40, n_programs=500)[Verdict.SHOWN_ABSENT] >= 0.9
    assert verdict_shares(40, n_programs=9)[Verdict.UNDECIDED] >= 0.9


def test_effects_that_differ_by_the_margin_are_seldom_called_alike():
    assert verdict_shares(200, gap=MARGIN, n_programs=300)[Verdict.SHOWN_ABSENT] <= 0.05


def test_an_effect_of_the_margin_is_seldom_said_to_be_absent():
    """At every point of a sweep at once."""
    alarms = []
    for seed in range(200):
        sweep, _ = simulated(seed, n_programs=300)
        curve = sweep.effects["paired"]
        curve.values[:] += MARGIN - np.linspace(0.1, 0.9, N_POINTS)
        alarms.append(bool(sweep_numbers(sweep, Bootstrap(2), MARGIN)["within_margin"]))
    assert np.mean(alarms) <= 0.05


def test_two_conditions_are_compared_on_the_recipients_that_both_have():
    one, other = simulated(1, gap=0.3)
    found = compare_conditions(one, other, ([2], [4]), MARGIN)
    values = [sweep.effects["paired"].values[:, [2, 4]] for sweep in (one, other)]
    assert found["difference"] == pytest.approx((values[1] - values[0]).mean(axis=0), abs=1e-6)
    assert (found["n_pairs"], found["n_programs"], found["points"]) == (94, 78, [2, 4])
    assert found["points_apart"] == found["points_open"] == [2, 4]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.SHOWN, "they differ at"),
        (Verdict.SHOWN_ABSENT, "they are alike"),
        (Verdict.UNDECIDED, "undecided, as at"),
    ],
)
def test_a_comparison_of_conditions_says_its_verdict_and_none_of_the_others(verdict, words):
    studies = {
        Verdict.SHOWN: {"gap": 0.5},
        Verdict.SHOWN_ABSENT: {"n_programs": 500},
        Verdict.UNDECIDED: {"n_programs": 9},
    }
    found = compare_conditions(*simulated(0, **studies[verdict]), ALL_POINTS, MARGIN)
    assert found["verdict"] == verdict
    (sentence,) = say_conditions(found)
    others = {"they differ at", "they are alike", "undecided, as at"} - {words}
    assert words in sentence
    assert not any(other in sentence for other in others)


def test_conditions_without_a_common_recipient_or_point_are_not_compared():
    one, other = simulated(0)
    assert compare_conditions(one, other, ([], []), MARGIN) is None
    curve = other.effects["paired"]
    curve.pairs[:] = [pair.replace("-e", "-f") for pair in curve.pairs]
    assert compare_conditions(one, other, ALL_POINTS, MARGIN) is None
    assert say_conditions(None) == []


def test_a_component_with_an_effect_is_found_alone(tmp_path):
    path, pairs = write_sweep(tmp_path, component_rows("restore", (2, 1)), "components")
    heads = sweep_numbers(read_components(path, pairs, "head"), Bootstrap(DRAWS), MARGIN)
    assert heads["points"] == list(range(8))
    assert heads["effect_comparison"]["points_above"] == [5]  # head 1 of block 2, 2 heads each
    mlps = sweep_numbers(read_components(path, pairs, "mlp_output"), Bootstrap(DRAWS), MARGIN)
    assert mlps["points"] == list(range(4))
    assert mlps["effect_comparison"]["points_above"] == []
    assert mlps["effect_comparison"]["points_below"] == [3]


def test_what_is_large_in_few_rows_is_named_whatever_its_direction(tmp_path):
    """More parts than the table has rows do more than the one that works against the answer."""
    path, pairs = write_sweep(tmp_path, component_rows("restore", (2, 1)), "components")
    sweeps = component_numbers(path, pairs, Bootstrap(DRAWS), MARGIN)
    sweeps[2]["effects"]["paired"]["estimate"] = [0.9] * 8
    (table,) = components_section(sweeps, Rounding("float32", 0.5)).tables
    assert [row[1] for row in table.rows[8:]] == ["the MLP output of block 3"]
    (none,) = largest_each_way([{"estimate": 0.1}, {"estimate": 0.0}])
    assert none == {"estimate": 0.1}


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
            *("--effect-margin", str(MARGIN), "--accuracy-margin", "0.03"),
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
    more = ("--out-curve-svg", study / "b.svg", "--out-curve-png", study / "b.png")
    section = run_plot(study, "plot_patches", "patches", "patches", *more)
    found, nothing = section.findings
    half = f"of these half of the largest effect first at point {RISE} ({RISE} to {RISE})"
    assert (found.verdict, found.number) == ("shown", f"shown at points 3 to 6, {half}")
    assert nothing.verdict == "undecided"
    assert [sweep["condition"] for sweep in section.numbers["sweeps"]] == [
        *("restore", "same_type", "wrong_to_wrong")
    ]
    assert bare_points(section) == []
    assert " at point " in section.tables[0].rows[0][8]
    first, second, third = section.tables[0].rows
    assert first[:5] == ["`restore`", "gold", f"40 ({N_PROGRAMS})", "1", "points 3 to 6"]
    assert first[6:8] == ["points 0 to 2", f"{RISE} ({RISE} to {RISE})"]
    assert second[4] == second[7] == "none"
    assert third[2:7] == ["0 (0)", "0", "none", "none", "none"]
    json.dumps(section.numbers, allow_nan=False)
    # Figure, reading and the figures of the pages tell one number.
    assert (
        f"half of the largest mean effect, 0.82, first at point {RISE} ({RISE} to {RISE})."
        in section.reading[0]
    )
    mark = "<!-- figure: {{ half_point(row(sweeps, condition='restore').half_of_effect) }} -->"
    page = fill_figures(f"{mark}<!-- end -->", section.numbers, "page")
    assert f"-->{RISE} ({RISE} to {RISE})<!--" in page
    mark = mark.replace("restore", "same_type")
    assert "-->none<!--" in fill_figures(f"{mark}<!-- end -->", section.numbers, "page")


@pytest.mark.process
def test_the_section_of_positions_has_every_position_and_window(study):
    more = ("--out-windows-svg", study / "b.svg", "--out-windows-png", study / "b.png")
    section = run_plot(study, "plot_patch_positions", "patches", "positions", *more)
    rows = [row[:3] for row in section.tables[0].rows]
    for condition in ("`restore`", "`same_type`"):
        assert [condition, "`hole_name`", "3"] in rows
        assert [condition, "`last`", "1"] in rows
    assert [row[:3] for row in section.tables[1].rows] == rows
    column = section.tables[0].header.index("above every control at")
    above = {tuple(row[:3]): row[column] for row in section.tables[0].rows}
    assert above["`restore`", "`hole_name`", "1"] == f"points {RISE} to {N_POINTS - 1}"
    # The last token has its one verdict in the sweep of all points.
    assert above["`same_type`", "`last`", "1"] == "see the last token"
    assert not any("`last`" in sentence for sentence in section.reading)
    # Every condition that was run is spoken of, each with what it rests on.
    said = {
        condition: [text for text in section.reading if f"`{condition}`" in text]
        for condition in ("restore", "same_type", "wrong_to_wrong")
    }
    assert said["wrong_to_wrong"] == ["`wrong_to_wrong`: no pair was found."]
    for condition in ("restore", "same_type"):
        one, windows = said[condition]
        assert one.startswith(f"`{condition}` at `hole_name`, 40 pairs of {N_PROGRAMS} programs: ")
        assert windows.endswith(f"; 40 pairs of {N_PROGRAMS} programs.")
    assert f"than under every control at points {RISE} to {N_POINTS - 1}" in said["restore"][0]
    assert f"undecided at points 0 to {N_POINTS - 1}" in said["same_type"][0]
    assert bare_points(section) == []
    assert "patch_windows.svg" in dict(section.figures)


@pytest.mark.process
def test_the_section_of_components_names_the_head_and_the_mlp_that_works_against_it(study):
    section = run_plot(study, "plot_components", "components", "components")
    first, second, *others = [row for row in section.tables[0].rows if row[0] == "`restore`"]
    assert first[:2] == ["`restore`", "head 1 of block 2"]
    assert second[:2] == ["`restore`", "the MLP output of block 3"]
    assert (first[-2:], second[-2:]) == (["shown", "shown absent"], ["undecided", "shown"])
    assert all(row[-2:] == ["shown absent"] * 2 for row in others) and len(others) == 6
    towards, against = (own for own in section.numbers["largest"] if own["condition"] == "restore")
    assert (towards["kind"], towards["block"], towards["head"]) == ("head", 2, 1)
    assert (against["kind"], against["block"], against["head"]) == ("mlp_output", 3, None)
    assert (towards["estimate"], against["estimate"]) == pytest.approx((0.5, -0.4), abs=0.03)
    sentence = section.reading[0]
    assert "1 below every control, 3 shown to have less than 0.1, 0 undecided" in sentence
    assert f"The largest against it: {against['estimate']:.3f} (" in sentence
    assert "the MLP output of block 3" in sentence
    assert "works against the donor's answer" in sentence
    assert [finding.verdict for finding in section.findings] == ["shown", "shown"]
    assert "the MLP output of block 3" in section.findings[1].number
