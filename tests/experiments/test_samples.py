"""The gold among many samples: branches, chances, numbers and the figure."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from fimscope.experiments.registry import all_tables
from fimscope.experiments.samples.numbers import (
    Sampled,
    gold_chances,
    read_sampled,
    sample_numbers,
    sampled_numbers,
)
from fimscope.experiments.samples.section import samples_section
from fimscope.files.tables import write_table
from fimscope.inference.sampling import Branches
from fimscope.report.theme import save_figure
from fimscope.statistics.verdicts import Verdict
from plot_samples import plot_samples
from sample_types import count_right, draw_rows
from synthetic import HOSTILE, MANIFEST

STOP = 9


def test_samples_that_begin_alike_share_a_branch_until_they_part_or_stop():
    branches = Branches.start(2, 4, [STOP])
    branches.grow(torch.tensor([[3, 3, 4, STOP], [5, 5, 5, 5]]))
    assert branches.token_ids.tolist() == [[3, 4], [5, 0]]
    assert branches.of_sample[0, :3].tolist() == [0, 0, 1]
    branches.grow(torch.tensor([[6, 7, 6, 1], [5, 5, 5, STOP]]))
    # Two branches go on from 3 and one from 4: the last is not the first, though its token is.
    assert branches.token_ids.tolist() == [[6, 7, 6], [5, 0, 0]]
    assert branches.alive.tolist() == [[True, True, True, False], [True, True, True, False]]
    own = branches.sees[0]
    assert own[:, :2].tolist() == [[True, False], [True, False], [False, True]]
    assert torch.equal(own[:, 2:], torch.eye(3, dtype=torch.bool))
    assert branches.tokens()[0, :3].tolist() == [[3, 6], [3, 7], [4, 6]]


def chances(golds, packages, programs=None):
    rows = zip(golds, packages, programs or packages, strict=True)
    holes = [
        {"example_id": i, "gold": gold, "package": package, "program_id": program}
        for i, (gold, package, program) in enumerate(rows)
    ]
    return list(gold_chances(holes).values())


def test_chances_leave_out_the_own_package():
    golds = ["string", "string", "number", "number"]
    assert chances(golds, "abbc") == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 3])
    # Two programs of one package tell nothing of each other.
    assert chances(golds, "aabb", "1234") == [0, 0, 0, 0]
    assert chances(["string", "number"], "ab") == [0, 0]


def test_the_difference_to_chance_is_at_most_one():
    few = Sampled(
        programs=np.array(list("abcdef")),
        golds=np.array(["number"] * 6),
        n_drawn=10,
        n_correct=np.zeros(6, np.int64),
        right=np.zeros(6, bool),
        broken=np.zeros(6, bool),
        in_top=np.zeros(6, bool),
        chance=np.array([0.9, 0.9, 0.9, 0.9, 0, 0]),
    )
    assert sampled_numbers(few, 0.03)["above_chance"]["lower"] == -1


def test_that_few_holes_are_never_found_shows_nothing():
    """Whatever chance has: that no difference varies is no measure of how little there is."""
    few = Sampled(
        programs=np.array(list("abc")),
        golds=np.array(["number"] * 3),
        n_drawn=10,
        n_correct=np.zeros(3, np.int64),
        right=np.zeros(3, bool),
        broken=np.zeros(3, bool),
        in_top=np.zeros(3, bool),
        chance=np.zeros(3),
    )
    above = sampled_numbers(few, 0.03)["above_chance"]
    assert above["lower"] < -0.5
    assert above["upper"] > 0.5
    assert above["verdict"] == Verdict.UNDECIDED


def test_in_a_single_package_chances_leave_out_the_own_program():
    golds = ["string", "string", "number", "number"]
    assert chances(golds, "aaaa", "1223") == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 3])
    assert chances(["string"], "a") == [0]


def write_tables(folder, edit, n_correct, correct, broken):
    keys = [
        {"example_id": f"e{i}", "edit": edit, "program_id": f"p{i % 4}", "gold": HOSTILE[i % 2]}
        for i in range(len(n_correct))
    ]
    samples = [
        {**key, **{k: v for k, v in count_right({**key}, ["x"] * 20).items() if k not in key}}
        for key in keys
    ]
    samples = [{**row, "n_correct": n} for row, n in zip(samples, n_correct, strict=True)]
    predictions = [
        {**key, "correct": right, "gold_rank": 0 if right else 20}
        for key, right in zip(keys, correct, strict=True)
    ]
    split = [{**key, "broken": was} for key, was in zip(keys, broken, strict=True)]
    paths = [folder / name / f"{edit}.parquet" for name in ("samples", "predictions", "split")]
    for path, name, rows in zip(
        paths, ("samples", "predictions", "split"), (samples, predictions, split), strict=True
    ):
        write_table(path, all_tables()[name], rows, MANIFEST)
    holes = {key["example_id"]: {"package": key["program_id"]} for key in keys}
    return read_sampled(*paths, holes)


def test_numbers_by_hand(tmp_path):
    sampled = write_tables(
        tmp_path, "original", [20, 1, 0, 0], [True, False, False, False], [False] * 4
    )
    numbers = sampled_numbers(sampled, 0.03)
    assert (numbers["n"], numbers["n_drawn"], numbers["n_found"]) == (4, 20, 2)
    assert numbers["pass_at_1"]["estimate"] == pytest.approx(21 / 80)
    assert numbers["pass_at_10"]["estimate"] == pytest.approx((1 + 1 / 2) / 4)
    assert "pass_at_100" not in numbers
    assert numbers["greedy"]["estimate"] == numbers["top10"]["estimate"] == 0.25
    assert numbers["curve"]["k"] == [1, 2, 5, 10, 20]
    # Of the three holes of other packages one has the same gold.
    assert numbers["chance_at_10"]["estimate"] == pytest.approx(1 - (2 / 3) ** 10, abs=1e-6)
    expected = np.mean([1, 1, 0, 0]) - (1 - (2 / 3) ** 20)
    assert numbers["above_chance"]["estimate"] == pytest.approx(expected, abs=1e-6)
    assert numbers["above_chance"]["verdict"] == Verdict.UNDECIDED  # four programs


@pytest.mark.parametrize("n", [0, 12])
def test_figure_and_section(tmp_path, n):
    edits = {
        edit: write_tables(
            tmp_path,
            edit,
            [i % 3 for i in range(n)],
            [i % 2 == 0 for i in range(n)],
            [edit != "original" and i % 4 == 1 for i in range(n)],
        )
        for edit in ("original", "rename_vars")
    }
    numbers = sample_numbers(edits, 0.03)
    figure = plot_samples(numbers)
    save_figure(figure, tmp_path / "x.svg", tmp_path / "x.png")
    root = ElementTree.fromstring((tmp_path / "x.svg").read_text(encoding="utf-8"))
    found = " ".join(text for text in root.itertext() if text.strip())
    assert ("original, greedy wrong" if n else "no samples") in found
    section = samples_section(numbers, 1.0, 0.95)
    page = " ".join(section.reading)
    assert ("20 samples hold the gold in 4 of 6 holes" if n else "nothing was sampled") in page
    assert "<script" not in page.replace("`</script><script>", "")


def test_the_same_examples_are_drawn_under_every_edit():
    names = [f"example {i}" for i in range(40)]
    originals = [{"example_id": name, "edit": "original"} for name in names]
    variants = [{"example_id": name, "edit": "rename_vars"} for name in reversed(names)]
    drawn, others = draw_rows(originals, 15, seed=3), draw_rows(variants, 15, seed=3)
    assert len(drawn) == 15
    assert [row["example_id"] for row in drawn] == [row["example_id"] for row in others][::-1]
    assert [names.index(row["example_id"]) for row in drawn] == sorted(
        names.index(row["example_id"]) for row in drawn
    )
    assert draw_rows(originals, None, seed=3) == originals
