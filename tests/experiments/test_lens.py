"""The numbers, sentences and figures of the lens, against values worked out by hand."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pyarrow as pa
import pytest

from bare_points import bare_points
from fimscope.errors import UserError
from fimscope.experiments.foils import choose_foils
from fimscope.experiments.lens.numbers import (
    NOTHING,
    choose_pairs,
    group_numbers,
    lens_numbers,
    match_pairs,
    pair_numbers,
    read_lens_curves,
)
from fimscope.experiments.lens.section import lens_section
from fimscope.experiments.lens.tables import LENS
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import write_table
from fimscope.report.svg import inline_svg
from fimscope.report.theme import save_figure
from plot_lens import plot_outcomes, plot_pairs, plot_positions
from plot_lens_examples import plot_lens_examples, shown_points
from read_lens_tokens import shown_tokens
from synthetic import HOSTILE, MANIFEST

N_POINTS = 4


def prediction(example: str, predicted: int, gold: int = 5) -> dict:
    return {
        "example_id": example,
        "correct": predicted == gold,
        "predicted_token_id": predicted,
        "gold_token_id": gold,
    }


def test_the_foil_is_ones_own_wrong_answer_or_that_of_the_first_edit_that_breaks_it():
    originals = [prediction("wrong", 7), prediction("broken", 5), prediction("right", 5)]
    first = [prediction("broken", 8), prediction("right", 5), prediction("wrong", 9)]
    second = [prediction("broken", 9), prediction("right", 5)]
    assert choose_foils(originals, [first, second]) == {"wrong": 7, "broken": 8}
    assert choose_foils(first, []) == {"broken": 8, "wrong": 9}


def test_a_wrong_answer_that_starts_with_the_golds_token_is_no_foil():
    wrong = {**prediction("e", 5), "correct": False}
    assert choose_foils([wrong], []) == {}
    assert choose_foils([prediction("e", 5)], [[wrong]]) == {}


def write_study(folder, ranks, foils, edit="original", position="last", broken=()):
    """A lens and a split table; ranks and foils by example: final ranks and a foil or None.

    An example is right if its gold is first at the end; the gold's rank is the final answer's, or
    one more where it is wrong.
    """
    rows, split = [], []
    for i, (example, own) in enumerate(ranks.items()):
        right = example not in broken
        for point, rank in enumerate(own):
            gold_rank = rank if right else rank + 1
            rows.append(
                {
                    "example_id": example,
                    "edit": edit,
                    "program_id": f"p{i}",
                    "position": position,
                    "point": point,
                    "top10": [],
                    "gold_rank": gold_rank,
                    "gold_logprob": -1.0 - gold_rank,
                    "foil_token_id": foils.get(example),
                    "foil_rank": None if example not in foils else 1,
                    "foil_logprob": None if example not in foils else -3.0,
                    "final_rank": rank,
                    "entropy": 2.0,
                    "divergence": 0.0,
                }
            )
        split.append(
            {
                "example_id": example,
                "edit": edit,
                "program_id": f"p{i}",
                "kind": "return",
                "gold": HOSTILE[0],
                "predicted": HOSTILE[i % len(HOSTILE)],
                "outcome": "right" if right else "wrong",
                "broken": example in broken,
                "mended": False,
            }
        )
    lens, table = folder / f"lens/{edit}.parquet", folder / f"split/{edit}.parquet"
    write_table(lens, LENS, rows, MANIFEST)
    write_table(table, SPLIT, split, MANIFEST)
    return read_lens_curves(lens, table)


@pytest.fixture
def curves(tmp_path):
    names = [f"e{i}" for i in range(9)]
    early, late, back = [5, 0, 0, 0], [9, 8, 7, 0], [0, 3, 0, 0]
    originals = write_study(
        tmp_path, dict.fromkeys(names, early), dict.fromkeys(names, 7), "original"
    )
    ranks = {name: (late, back, early)[i % 3] for i, name in enumerate(names)}
    foils = {name: 8 if name == "e0" else 7 for name in names}
    variants = write_study(tmp_path, ranks, foils, "rename_vars", broken=names[:7])
    return {"original": originals, "rename_vars": variants}


def test_the_final_answer_leads_from_where_it_stays_first(curves):
    assert curves["original"]["last"].first_lead().tolist() == [1.0] * 9
    assert curves["rename_vars"]["last"].first_lead().tolist() == [3.0, 2.0, 1.0] * 3


def test_group_numbers_by_hand(curves):
    numbers = group_numbers(curves["original"]["last"])
    assert (numbers["n"], numbers["n_programs"], numbers["n_foils"]) == (9, 9, 9)
    assert numbers["rank"]["estimate"] == pytest.approx([6, 1, 1, 1])
    assert numbers["gold"]["estimate"] == pytest.approx(
        [math.exp(-6), *[math.exp(-1)] * 3], abs=1e-6
    )
    assert numbers["foil"]["estimate"] == pytest.approx([math.exp(-3)] * 4, abs=1e-6)
    assert numbers["lead"]["estimate"] == [0, 1, 1, 1]
    assert numbers["first_lead"] == [1, 1, 1]
    assert numbers["median_rank"] == [5, 0, 0, 0]
    assert numbers["n_gold_first_somewhere"] == 9


def test_pairs_are_matched_and_lose_a_foil_that_is_not_the_same(curves):
    before, after = match_pairs(curves["original"]["last"], curves["rename_vars"]["last"])
    assert before.examples.tolist() == after.examples.tolist() == [f"e{i}" for i in range(7)]
    assert np.isnan(before.foils).tolist() == [True] + [False] * 6
    numbers = pair_numbers(before, after)
    assert numbers["differences"]["foil_logprob"]["n"] == 6
    # The variant's gold is one rank, so 1 nat, behind its own final answer.
    gold = numbers["differences"]["gold_logprob"]
    expected = [np.mean([9, 0, 5, 9, 0, 5, 9]) - 4, np.mean([9, 4, 1, 9, 4, 1, 9]), 0, 1]
    assert gold["estimate"][:2] == pytest.approx([expected[0], expected[1]], abs=1e-6)
    assert gold["estimate"][3] == pytest.approx(1)
    # Seven programs, all in one direction: 2 / 2**7, and the family has 4 + 4 + 4 tests.
    assert gold["adjusted_p"][3] == pytest.approx(min(1, 12 * 2 / 2**7), abs=1e-3)
    assert numbers["first_lead"]["estimate"] == [pytest.approx(1 - np.mean([3, 2, 1, 3, 2, 1, 3]))]


def test_chosen_pairs_are_the_earliest_the_median_and_the_latest(curves):
    pair = curves["original"]["last"], curves["rename_vars"]["last"]
    assert choose_pairs(*pair) == {"earliest": "e2", "median": "e4", "latest": "e6"}
    assert choose_pairs(NOTHING, NOTHING) == {}


def test_a_position_that_is_the_last_token_is_not_drawn_twice(tmp_path, curves):
    names = curves["original"]["last"].examples
    same = write_study(
        tmp_path / "same", {name: [5, 0, 0, 0] for name in names}, {}, position="fim_middle"
    )
    other = write_study(
        tmp_path / "other", {name: [5, 4, 0, 0] for name in names}, {}, position="use"
    )
    both = {**curves["original"], **same, **other}
    numbers = lens_numbers({**curves, "original": both}, "rename_vars")
    assert numbers["same_as_last"] == ["fim_middle"]
    assert list(numbers["positions"]) == ["use"]
    captions = dict(lens_section(numbers, {"n": 0}, "x.svg").figures)
    assert "fim_middle is the last token itself" in captions["lens_positions.svg"]


def texts_of(figure, folder) -> str:
    save_figure(figure, folder / "x.svg", folder / "x.png")
    root = ElementTree.fromstring((folder / "x.svg").read_text(encoding="utf-8"))
    return " ".join(text for text in root.itertext() if text.strip())


@pytest.mark.parametrize("empty", [False, True])
def test_figures_and_section_say_their_n_or_that_there_is_nothing(tmp_path, curves, empty):
    if empty:
        curves = {"original": {}, "rename_vars": {}}
    numbers = lens_numbers(curves, "rename_vars")
    points = numbers["points"]
    found = texts_of(plot_outcomes(points, numbers["last"]["original"]), tmp_path)
    assert ("no examples" if empty else "right: n = 9 (9 programs)") in found
    found = texts_of(plot_pairs(points, numbers["pairs"], "rename_vars"), tmp_path)
    assert ("no examples" if empty else "original: n = 7 (7 programs)") in found
    assert "no examples" in texts_of(plot_positions(points, numbers["positions"]), tmp_path)
    section = lens_section(numbers, {"n": 0}, "lens_examples.svg")
    page = " ".join(section.reading)
    expected = "breaks no answer" if empty else "In 7 pairs that `rename_vars` breaks"
    assert expected in page
    assert bare_points(section) == []


def test_a_legend_in_a_panel_lies_above_its_curves(curves):
    numbers = lens_numbers(curves, "rename_vars")
    figure = plot_pairs(numbers["points"], numbers["pairs"], "rename_vars")
    figure.canvas.draw()
    [axes] = [axes for axes in figure.axes if axes.get_legend()]
    highest = max(
        axes.transData.transform(line.get_xydata())[:, 1].max() for line in axes.lines[:2]
    )
    assert axes.get_legend().get_window_extent().y0 > highest


def test_a_lens_of_other_variants_is_refused(tmp_path):
    write_study(tmp_path, {"e0": [0] * N_POINTS}, {})
    lens = tmp_path / "lens/original.parquet"
    write_table(tmp_path / "other.parquet", SPLIT, [], MANIFEST)
    with pytest.raises(UserError, match=r"example e0 is not in .*other\.parquet"):
        read_lens_curves(lens, tmp_path / "other.parquet")


def test_shown_tokens_are_those_around_the_name_and_the_last_ones():
    prompt = {"token_ids": list(range(40)), "positions": [{"name": "hole_name", "index": 10}]}
    assert shown_tokens(prompt) == [*range(6, 16), 37, 38, 39]
    at_end = {"token_ids": list(range(40)), "positions": [{"name": "hole_name", "index": 38}]}
    assert shown_tokens(at_end) == [*range(34, 40)]
    assert shown_tokens({"token_ids": [1, 2], "positions": []}) == [0, 1]


def test_shown_points_hold_the_first_and_the_last():
    assert shown_points(25) == list(range(0, 25, 3))
    assert shown_points(3) == [0, 1, 2]


def test_examples_draw_hostile_tokens_as_text(tmp_path):
    rows = [
        {
            "example_id": "e0",
            "edit": edit,
            "choice": "median",
            "token_index": index,
            "token": HOSTILE[index],
            "point": point,
            "top": HOSTILE[-index],
            "top_logprob": -0.1 * index,
        }
        for edit in ("original", "rename_vars")
        for index in range(len(HOSTILE))
        for point in range(N_POINTS)
    ]
    tokens = pa.Table.from_pylist(rows).to_pandas()
    answers = {("e0", "original"): HOSTILE[1], ("e0", "rename_vars"): HOSTILE[2]}
    figure = plot_lens_examples(tokens, answers, {"e0": HOSTILE[0]})
    cells = [text.get_fontsize() for axes in figure.axes for text in axes.texts]
    assert min(cells) > 5  # points, of a figure as wide as a printed page
    found = texts_of(figure, tmp_path)
    assert "answers a\\nb\\x00" in found
    svg = inline_svg((tmp_path / "x.svg").read_text("utf-8"), "x", "")
    assert 'href="explorer.html#/example/e0?edit=rename_vars"' in svg  # from the page
    empty = plot_lens_examples(tokens.iloc[:0], {}, {})
    assert "no broken pairs" in texts_of(empty, tmp_path)
