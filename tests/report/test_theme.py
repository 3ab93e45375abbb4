"""The figures: safe text, the same bytes every time, every number in its place."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PolyCollection

from fimscope.experiments.accuracy.numbers import confusion_numbers
from fimscope.experiments.components.numbers import KINDS
from fimscope.experiments.patch.drawing import effect_frame
from fimscope.experiments.patch.pairs import CONDITIONS, DONOR_KINDS
from fimscope.report.styles import STYLES
from fimscope.report.text import visible
from fimscope.report.theme import (
    MARK_HEIGHT,
    draw_curve,
    legend_above,
    point_ticks,
    save_figure,
    write_message,
)
from fimscope.statistics.numbers import INTERVAL
from plot_accuracy import plot_accuracy
from plot_components import plot_components
from plot_funnel import plot_funnel
from plot_patch_positions import plot_positions, plot_windows
from plot_patches import plot_patches
from plot_wrong_answers import plot_wrong_answers
from synthetic import HOSTILE, predictions_table

FLAT = {"estimate": 0.5, "lower": 0.4, "upper": 0.6}
SVG = "{http://www.w3.org/2000/svg}"


def texts_of(figure, folder: Path) -> list[str]:
    """All text of a figure as its SVG holds it; parsing it proves that it is well-formed XML."""
    save_figure(figure, folder / "x.svg", folder / "x.png")
    root = ElementTree.fromstring((folder / "x.svg").read_text(encoding="utf-8"))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def accuracy_row(edit: str, n: int = 40) -> dict:
    return {
        "edit": edit,
        "n": n,
        "n_programs": 12,
        "right": FLAT,
        "top10": FLAT,
        "baselines": [{"right": {"estimate": 0.25}, "top10": {"estimate": 0.75}}],
    }


def sweep(condition: str, kinds=("paired", "self", "unrelated", "random"), n_small_gap=3) -> dict:
    curve = {
        "n_pairs": 33,
        "n_programs": 21,
        "estimate": [0.0, 0.5, 1.0],
        "lower": [0.0, 0.4, 0.9],
        "upper": [0.1, 0.6, 1.0],
    }
    return {
        "condition": condition,
        "n_pairs": 33,
        "n_small_gap": n_small_gap,
        "points": [0, 1, 2],
        "effects": dict.fromkeys(kinds, curve),
        "flips": dict.fromkeys(kinds, curve),
        "comparison": {"points_above": [1, 2]},
        "effect_comparison": {"points_above": [1, 2], "points_below": []},
        "within_margin": [],
        "position": "last",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("string", "string"),
        ("a\nb\x00\x1b", "a\\nb\\x00\\x1b"),
        ("a\u202eb\u200b", "a\\u202eb\\u200b"),
        ("", "(nothing)"),
        ("  ", "(2 spaces)"),
        ("x" * 30, "x" * 23 + "…"),
        ("$\\frac{1}{0$", "$\\frac{1}{0$"),
        ("größe", "größe"),
        ("\ufffd", "\\ufffd"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@given(st.text(st.characters(codec=None), max_size=40))
def test_visible_text_is_short_and_prints(text):
    shown = visible(text)
    assert 0 < len(shown) <= 24
    assert shown.isprintable()
    shown.encode("utf-8")


def test_every_donor_kind_has_its_own_colour_line_and_marker():
    styles = [STYLES[kind] for kind in DONOR_KINDS]
    for part in zip(*styles, strict=True):
        assert len(set(part)) == len(styles)


def test_accuracy_names_every_edit_with_its_numbers(tmp_path):
    edits = [accuracy_row("original"), accuracy_row("rename_vars", n=39), accuracy_row("none", n=0)]
    found = " ".join(texts_of(plot_accuracy(edits), tmp_path))
    for expected in (
        "original",
        "rename_vars",
        "39 examples, 12 programs",
        "no examples",
        "50.0",
        "25.0",
    ):
        assert expected in found


def test_funnel_names_every_stage_and_count(tmp_path):
    stages = [
        {"stage": "programs", "n_rows": 214, "n_programs": 214},
        {"stage": "holes", "n_rows": 1640, "n_programs": 160},
        {"stage": "broken", "n_rows": 0, "n_programs": 0},
    ]
    found = texts_of(plot_funnel({"original": stages, "rename_vars": stages}), tmp_path)
    assert found.count("1,640 in 160 programs") == 2
    assert found.count("0 in 0 programs") == 2
    assert {"original", "rename_vars", "programs", "holes", "broken"} <= set(found)


@pytest.mark.parametrize("conditions", [["restore"], list(CONDITIONS)])
def test_patches_draw_every_condition_with_its_n_and_one_legend(tmp_path, conditions):
    found = texts_of(plot_patches([sweep(name) for name in conditions]), tmp_path)
    assert found.count("n = 33, 21 programs") == len(conditions)
    n_gold = len({"restore", "same_type"} & set(conditions))
    assert found.count("to the gold") == n_gold
    assert found.count("to the donor's answer") == len(conditions) - n_gold
    for kind in ("paired", "self", "unrelated", "random"):
        assert found.count(kind) == 1
    assert set(conditions) <= set(found)


def test_patches_draw_the_means_they_are_given():
    figure = plot_patches([sweep("restore")])
    effects, flips = figure.axes
    assert line_of(effects, "paired") == [0.0, 0.5, 1.0]
    assert line_of(flips, "paired") == [0.0, 50.0, 100.0]
    squares = flips.lines[-1]
    assert list(squares.get_xdata()) == [1, 2]


def test_a_wild_control_does_not_set_the_frame():
    wild = sweep("restore")
    wild["effects"]["random"] = {**wild["effects"]["random"], "estimate": [0.0, -40.0, 90.0]}
    assert effect_frame([wild]) == effect_frame([sweep("restore")])
    far = sweep("restore")
    far["effects"] = {"paired": {**far["effects"]["paired"], "upper": [0.1, 0.6, 30.0]}}
    assert effect_frame([far])[1] == 2


def test_every_block_has_a_marker_and_no_control_hides_the_donor():
    blocks = list(range(24))
    curve = {
        "n_pairs": 33,
        "n_programs": 21,
        **dict.fromkeys(("estimate", "lower", "upper"), blocks),
    }
    parts = {**sweep("restore"), "points": blocks}
    parts["effects"] = dict.fromkeys(parts["effects"], curve)
    axes = plot_components([{**parts, "position": name} for name in KINDS]).axes[0]
    lines = {line.get_label(): line for line in axes.lines if line.get_label() in DONOR_KINDS}
    assert lines.keys() == parts["effects"].keys()
    for kind, line in lines.items():
        assert (line.get_marker(), line.get_markevery()) == (STYLES[kind].marker, None)
        assert len(line.get_xdata()) == 24
    donor, *controls = axes.collections  # in the order of the donors; `self` has no band
    assert all(band.get_alpha() < donor.get_alpha() / 2 for band in controls)
    controls = [line for kind, line in lines.items() if kind not in ("paired", "self")]
    assert all(line.get_zorder() < lines["paired"].get_zorder() for line in controls)


def test_marks_of_a_test_stand_within_the_frame():
    _, flips = plot_patches([sweep("restore")]).axes
    assert set(flips.lines[-1].get_ydata()) <= {MARK_HEIGHT}
    assert 0 < MARK_HEIGHT < 1


@pytest.mark.parametrize("n_points", [2, 4, 25, 49])
def test_ticks_are_few_and_hold_both_ends(n_points):
    found = point_ticks(range(n_points))
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (0, n_points - 1)
    assert len(found) <= 7


def test_a_condition_without_pairs_is_said_to_have_none(tmp_path):
    empty = {
        **sweep("same_type", kinds=()),
        "n_pairs": 0,
        "points": [],
        "comparison": None,
        "effect_comparison": None,
    }
    found = texts_of(plot_patches([sweep("restore"), empty]), tmp_path)
    assert found.count("no pairs") == 2
    positions = [{**one, "n_points": 1} for one in (sweep("restore"), empty)]
    assert "no pairs" in texts_of(plot_positions(positions), tmp_path)
    parts = [{**empty, "position": name} for name in KINDS]
    assert texts_of(plot_components(parts), tmp_path).count("no pairs") == 3


def test_a_condition_without_any_large_gap_is_said_to_have_none(tmp_path):
    small = {**sweep("restore"), "effects": {}, "comparison": None}
    found = " ".join(texts_of(plot_patches([small]), tmp_path))
    assert "every gap" in found


def test_positions_and_windows_draw_a_panel_each():
    sweeps = [
        {**sweep("restore"), "position": position, "n_points": size}
        for position, size in [("last", 1), ("hole_name", 1), ("hole_name", 3)]
    ]
    assert len(plot_positions(sweeps).axes) == 2
    windows = plot_windows(sweeps)
    assert len(windows.axes) == 2  # last has no windows
    assert line_of(windows.axes[1], "paired") == [0.0, 0.5, 1.0]


def test_heads_are_drawn_head_by_block():
    heads = sweep("restore")
    means = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    curve = {**heads["effects"]["paired"], **dict.fromkeys(INTERVAL, means)}
    heads.update(points=list(range(6)), effects={"paired": curve}, position="head")
    heads["effect_comparison"] = {"points_above": [5], "points_below": []}
    figure = plot_components(
        [*({**sweep("restore"), "position": name} for name in KINDS[:2]), heads]
    )
    axes = figure.axes[2]
    expected = [[0.0, 0.2, 0.4], [0.1, 0.3, 0.5]]  # 3 blocks of 2 heads
    assert axes.images[0].get_array().tolist() == expected
    assert [list(axes.lines[0].get_data()[i]) for i in (0, 1)] == [[2], [1]]


def line_of(axes, kind) -> list[float]:
    return list(next(line for line in axes.lines if line.get_label() == kind).get_ydata())


@pytest.mark.filterwarnings("error")
def test_the_message_of_empty_axes_is_nothing_for_a_legend():
    figure, axes = plt.subplots()
    write_message(axes, "no pairs")
    legend_above(figure, axes, 1)
    assert not figure.legends
    plt.close(figure)


def test_empty_axes_have_no_frame_and_leave_shared_ticks_to_the_others():
    figure, ((empty, full), (other, last)) = plt.subplots(2, 2, sharey="row")
    for axes in (empty, last):
        write_message(axes, "no pairs")
        assert not any(spine.get_visible() for spine in axes.spines.values())
        assert list(axes.get_xticks()) == []
        assert {tick.tick1line.get_markersize() for tick in axes.yaxis.get_major_ticks()} == {0}
    assert len(full.get_yticks()) > 1 and len(other.get_yticks()) > 1
    plt.close(figure)
    figure, axes = plt.subplots()
    write_message(axes, "no pairs")
    assert list(axes.get_yticks()) == []
    plt.close(figure)


@pytest.mark.parametrize(("points", "drawn"), [([3], LineCollection), ([3, 4], PolyCollection)])
def test_a_curve_of_one_point_has_its_interval_as_a_bar(points, drawn):
    figure, axes = plt.subplots()
    curve = {"estimate": 0.5, "lower": 0.25, "upper": 0.75}
    draw_curve(axes, points, {key: [n] * len(points) for key, n in curve.items()}, "paired", "x")
    [interval] = axes.collections
    assert isinstance(interval, drawn)
    heights = [y for path in interval.get_paths() for _, y in path.vertices]
    assert (min(heights), max(heights)) == (0.25, 0.75)
    plt.close(figure)


def test_wrong_answers_show_hostile_text_as_text(tmp_path):
    rows = [("string", text, False) for text in HOSTILE]
    numbers = confusion_numbers(predictions_table(rows), "original")
    found = texts_of(plot_wrong_answers([numbers]), tmp_path)
    for text in HOSTILE:
        assert visible(text, 20) in found
    svg = (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "<script" not in svg


def test_wrong_answers_without_any(tmp_path):
    numbers = confusion_numbers(predictions_table([("string", "string", True)]), "original")
    assert "no wrong answers" in texts_of(plot_wrong_answers([numbers]), tmp_path)


def test_figures_are_the_same_bytes_every_time(tmp_path):
    for name in "ab":
        save_figure(
            plot_patches([sweep("restore")]), tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert not re.search(r"<dc:date>|Matplotlib v", svg)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
