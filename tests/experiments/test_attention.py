"""Attention by region: sums, comparisons, the choice of heads, and the figures."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import t, ttest_1samp, ttest_ind

from fimscope.errors import UserError
from fimscope.experiments.attention.chosen import choose_heads, choose_pair
from fimscope.experiments.attention.differences import compare_outcomes, compare_pairs
from fimscope.experiments.attention.section import attention_section
from fimscope.experiments.attention.shares import (
    REGION_KINDS,
    match_shares,
    read_shares,
    region_tokens,
)
from fimscope.experiments.attention.tables import ATTENTION_DIFFERENCES, ATTENTION_SHARES
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import read_table, write_table
from fimscope.report.prompt_lines import keep_lines, lay_out
from fimscope.report.theme import save_figure
from fimscope.statistics.clustered import clustered_difference, clustered_mean
from plot_attention import plot_differences, plot_text
from synthetic import HOSTILE, MANIFEST
from view_attention import shares_table

HEADS = [(0, 0), (0, 1), (1, 0)]
MOVED = 2  # the head that gives `use` 0.3 less where the variant is broken
N = 16


def prompt(example: int, edit: str, kinds=REGION_KINDS) -> dict:
    return {
        "example_id": f"e{example:02d}",
        "edit": edit,
        "program_id": f"p{example:02d}",
        "token_ids": list(range(2 * len(kinds))),
        "regions": [
            {"kind": kind, "start": 2 * i, "end": 2 * i + 2} for i, kind in enumerate(kinds)
        ],
    }


@pytest.fixture
def study(tmp_path):
    """Twelve broken pairs of sixteen, one a program; the last pair has no comment."""
    noise = np.random.default_rng(0)
    for edit in ("original", "rename_vars"):
        kinds = [k for k in REGION_KINDS if k != "comment"]
        prompts = [prompt(i, edit, kinds if i == 11 else REGION_KINDS) for i in range(N)]
        shares = np.full((N, len(HEADS), len(REGION_KINDS)), 1 / len(REGION_KINDS))
        shares += noise.normal(0, 0.01, shares.shape)
        if edit == "rename_vars":
            shares[:12, MOVED, REGION_KINDS.index("use")] -= 0.3
            shares[:12, MOVED, REGION_KINDS.index("rest")] += 0.3
        table = shares_table(prompts, HEADS, shares.astype(np.float32))
        write_table(tmp_path / f"attention/{edit}.parquet", ATTENTION_SHARES, table, MANIFEST)
        split = [
            {
                "example_id": row["example_id"],
                "edit": edit,
                "outcome": "wrong" if (i < 12 and edit == "rename_vars") or i > 11 else "right",
                "broken": edit == "rename_vars" and i < 12,
            }
            for i, row in enumerate(prompts)
        ]
        write_table(tmp_path / f"split/{edit}.parquet", SPLIT, split, MANIFEST)
    return [
        read_shares(tmp_path / f"attention/{edit}.parquet", tmp_path / f"split/{edit}.parquet")
        for edit in ("original", "rename_vars")
    ]


def test_region_tokens_are_a_partition():
    found = region_tokens(prompt(0, "original"))
    assert found.sum(axis=1).tolist() == [1] * 12
    assert found[:, REGION_KINDS.index("use")].nonzero()[0].tolist() == [2, 3]


def test_shares_come_back_in_order(study):
    original, variant = study
    assert original.heads == HEADS
    assert variant.shares[3, MOVED, REGION_KINDS.index("use")] < 0
    assert original.tokens[0].tolist() == pytest.approx([1 / 6] * 6)
    assert original.tokens[11, REGION_KINDS.index("comment")] == 0


def test_the_head_that_moves_is_found_and_no_other(study):
    before, after = match_shares(*study)
    assert len(after) == 12
    rows = compare_pairs(before, after)
    assert len(rows) == len(HEADS) * len(REGION_KINDS)
    apart = [(r["block"], r["head"], r["region"]) for r in rows if r["adjusted_p"] < 0.05]
    assert apart == [(1, 0, "use"), (1, 0, "rest")]
    use = next(r for r in rows if (r["block"], r["head"], r["region"]) == (1, 0, "use"))
    assert use["difference"] == pytest.approx(0.3, abs=0.02)
    assert use["lower"] < 0.3 < use["upper"]
    # Twelve programs in one direction, among 18 tests.
    assert use["adjusted_p"] == pytest.approx(18 * 2 / 2**12)
    assert {r["n"] for r in rows if r["region"] == "comment"} == {11}
    assert choose_heads(rows, 1) == [((1, 0), "rest")] or choose_heads(rows, 1) == [((1, 0), "use")]


def test_the_chosen_pair_is_at_the_median(study):
    before, after = match_shares(*study)
    kind = REGION_KINDS.index("use")
    difference = (before.shares - after.shares)[:, MOVED, kind]
    example = choose_pair(before, after, (1, 0), "use")
    place = list(after.examples).index(example)
    assert sorted(difference).index(difference[place]) == 6


def test_right_and_wrong_originals_do_not_differ(study):
    rows = compare_outcomes(study[0])
    assert {r["n"] for r in rows if r["region"] == "rest"} == {16}
    assert all(r["adjusted_p"] > 0.05 for r in rows)
    assert compare_outcomes(study[0].take(study[0].right)) == []


def test_clustered_difference_with_a_row_a_program_has_the_error_of_welch():
    noise = np.random.default_rng(1)
    values, first = noise.normal(size=(40, 2)), np.arange(40) < 11
    found, p = clustered_difference(values, first, [str(i) for i in range(40)])
    welch = ttest_ind(values[first], values[~first], equal_var=False)
    assert p == pytest.approx(2 * t.sf(abs(welch.statistic), 10))
    half = t.ppf(0.975, 10) * found.value / welch.statistic
    assert found.upper - found.value == pytest.approx(abs(half))


def test_the_rows_of_a_program_are_not_independent():
    noise = np.random.default_rng(1)
    values, first = noise.normal(size=(12, 1)), np.arange(12) < 5
    _, once = clustered_difference(values, first, [str(i) for i in range(12)])
    twice = [np.repeat(rows, 2, axis=0) for rows in (values, first)]
    _, again = clustered_difference(*twice, [str(i // 2) for i in range(24)])
    assert again == pytest.approx(once)


def test_few_programs_show_nothing_by_chance_alone():
    """Under the null p is below 0.05 at most that often, with two programs in a group too."""
    noise = np.random.default_rng(3)
    first = np.arange(16) < 2
    _, p = clustered_difference(noise.normal(size=(16, 4000)), first, [str(i) for i in range(16)])
    assert (p < 0.05).mean() < 0.06


def test_clustered_mean_with_a_row_a_program_is_the_t_test():
    values = np.random.default_rng(2).normal(0.3, 1, size=(12, 1))
    _, p = clustered_mean(values, [str(i) for i in range(12)])
    assert p[0] == pytest.approx(ttest_1samp(values[:, 0], 0).pvalue)


def test_one_program_shows_no_difference():
    found, p = clustered_mean(np.ones((3, 1)), ["p"] * 3)
    assert (p[0], found.upper[0]) == (1, np.inf)
    with pytest.raises(ValueError, match="both groups"):
        clustered_difference(np.ones((2, 1)), np.array([True, True]), ["p", "q"])


def test_a_missing_head_is_named(tmp_path, study):
    table = read_table(tmp_path / "attention/original.parquet", ATTENTION_SHARES)
    write_table(tmp_path / "cut.parquet", ATTENTION_SHARES, table.slice(1), MANIFEST)
    with pytest.raises(UserError, match=r"cut\.parquet: a variant lacks a head or a region"):
        read_shares(tmp_path / "cut.parquet", tmp_path / "split/original.parquet")


def test_lines_break_where_the_text_does_and_at_the_width():
    lines = lay_out(["ab", "cd\n", "  ", "efgh"], [0.1, 0.2, 0.3, 0.4], width=5)
    assert [[(p.column, p.text) for p in line.pieces] for line in lines] == [
        [(0, "ab"), (2, "cd")],
        [(0, "  ")],
        [(0, "efgh")],
    ]
    assert [line.weight for line in lines] == pytest.approx([0.3, 0.3, 0.4])


def test_lines_far_from_the_hole_are_left_out_with_their_weight():
    lines = lay_out([f"{i}\n" for i in range(20)], [0.001] * 19 + [0.5], width=9)
    kept = keep_lines(lines, hole_line=10)
    assert [line.n_left_out for line in kept] == [6, *[0] * 9, 4, 0, 1]
    assert sum(line.weight for line in kept) == pytest.approx(0.519)
    assert sum(line.n_left_out or 1 for line in kept) == len(lines)


def texts_of(figure, folder) -> str:
    save_figure(figure, folder / "x.svg", folder / "x.png")
    root = ElementTree.fromstring((folder / "x.svg").read_text(encoding="utf-8"))
    return " ".join(text for text in root.itertext() if text.strip())


@pytest.mark.parametrize("empty", [False, True])
def test_figures_and_section(tmp_path, study, empty):
    rows = [] if empty else compare_outcomes(study[0]) + compare_pairs(*match_shares(*study))
    table = pa.Table.from_pylist(rows, ATTENTION_DIFFERENCES.schema)
    found = texts_of(plot_differences(table.to_pandas()), tmp_path)
    assert ("nothing to compare" if empty else "declaration") in found
    section = attention_section(rows, "rename_vars")
    if empty:
        assert section.reading[1].startswith("There are no originals and their broken")
    else:
        assert "no head of 18 heads and regions" in section.reading[0]
        assert "one head differs; most does head 0 of block 1" in (section.reading[1])
        assert section.findings[0].verdict == "shown"
        assert section.findings[0].number.startswith("2 of 18 tests; -")
    heads = [
        {
            "example_id": "e0",
            "edit": edit,
            "block": 1,
            "head": 0,
            "tokens": [*HOSTILE, "<fim_suffix>"],
            "weights": [1 / 8] * 8,
        }
        for edit in ("original", "rename_vars")
    ]
    found = texts_of(plot_text([] if empty else heads), tmp_path)
    assert ("no broken pairs" if empty else "block 1 head 0, original (darkest: 12%)") in found
