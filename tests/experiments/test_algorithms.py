"""Which algorithm moves answers: numbers by hand, and what is said of them."""

import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from fimscope.experiments.algorithms.numbers import algorithm_numbers, shown_examples
from fimscope.experiments.algorithms.section import algorithms_section
from fimscope.experiments.algorithms.tables import ALGORITHMS
from fimscope.statistics.verdicts import Verdict
from plot_algorithms import plot_algorithms


def made_row(
    i, hypothesis, is_control, moved, follows, edit="original", outcome="right", planted=None
):
    """Of program i, into which nothing was planted that is in another, if it is not said."""
    return {
        **dict.fromkeys(ALGORITHMS.schema.names),
        **{"example_id": f"e{i:02}", "edit": edit, "program_id": f"p{i}", "outcome": outcome},
        **{"hypothesis": hypothesis, "is_control": is_control, "answer": "string"},
        **{"predicted": "number", "moved": moved, "follows": follows, "gold": "string"},
        **{"name": "n", "old": "a|`b`", "new": planted or f"c{i}"},
    }


def made_table(rows):
    return pa.Table.from_pylist(rows, ALGORITHMS.schema)


def test_numbers_of_planted_answers():
    """The name moves all of 20 answers, the annotation half of them; no control moves any."""
    rows = []
    for i in range(20):
        rows += [made_row(i, "name", own, not own, not own) for own in (False, True)]
        rows += [made_row(i, "nearest", own, not own and i < 10, False) for own in (False, True)]
    rows.append(made_row(30, "uses", False, True, None))  # without a control
    numbers = algorithm_numbers([made_table(rows)], 0.03)
    by_name = {(row["outcome"], row["hypothesis"]): row for row in numbers["changes"]}
    assert set(by_name) == {(o, h) for o in ("all", "right") for h in ("name", "nearest")}
    name, nearest = by_name["right", "name"], by_name["right", "nearest"]
    assert (name["n"], name["moved"]["rate"]["estimate"]) == (20, 1.0)
    assert name["moved"]["control"]["estimate"] == 0.0
    assert name["follows"]["over_control"]["verdict"] is Verdict.SHOWN
    assert nearest["moved"]["over_control"]["estimate"] == 0.5
    assert nearest["follows"]["over_control"]["verdict"] is not Verdict.SHOWN
    [explained] = [row for row in numbers["explained"] if row["outcome"] == "right"]
    shares = {key: value["estimate"] for key, value in explained["shares"].items()}
    assert shares["name"] == 0.5
    assert shares["several of them"] == 0.5
    assert shares["none of them"] == shares["nearest"] == 0.0
    assert numbers["shifts"] == []


def test_no_interval_strikes_out_how_many_answers_there_are():
    """Of one answer an interval goes from end to end."""
    rows = [made_row(0, "name", own, not own, not own) for own in (False, True)]
    figure = plot_algorithms(algorithm_numbers([made_table(rows)], 0.03))
    figure.canvas.draw()
    texts = [(axes, text) for axes in figure.axes for text in axes.texts if "n =" in str(text)]
    assert [text.get_text() for _, text in texts] == ["n = 1"]
    for axes, text in texts:
        assert text.get_window_extent().x0 >= axes.get_window_extent().x1


def test_a_control_that_moves_more_is_no_finding_of_the_algorithm():
    rows = [made_row(i, "name", own, own, False) for i in range(20) for own in (False, True)]
    section = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), [], 2)
    [finding] = section.findings
    assert finding.verdict is Verdict.SHOWN
    assert "moved less than its control" in finding.claim and finding.claim in section.reading[0]
    assert "for `nearest`, `alike`, `type_of_name`, `values`, `uses`." in section.reading[0]


def test_names_with_an_effect_of_their_own_are_no_algorithm():
    """Six names, planted in 120 programs, make answers follow, or keep them from it, by themselves;
    on average over all names the control does as much. Over programs alone a third of such studies
    claim what these may in one of twenty."""
    generator = np.random.default_rng(1)
    n_studies, claims = 30, Counter()
    for _ in range(n_studies):
        rows = []
        for hypothesis in ("name", "type_of_name"):
            effects = 0.3 * generator.choice([-1, 1], 6)
            planted = generator.integers(0, 6, 120)
            chances = np.stack([0.3 + effects[planted], np.full(120, 0.3)], axis=1)
            rows += [
                made_row(i, hypothesis, bool(j), bool(said), bool(said), planted=f"n{planted[i]}")
                for (i, j), said in np.ndenumerate(generator.random((120, 2)) < chances)
            ]
        for row in algorithm_numbers([made_table(rows)], 0.03)["changes"]:
            assert (row["n_programs"], row["n_planted"]) == (120, 6)
            shown = row["follows"]["over_control"]["verdict"] is Verdict.SHOWN
            claims[row["hypothesis"]] += shown and row["outcome"] == "all"
    most = 0.05 + 3 * (0.05 * 0.95 / n_studies) ** 0.5  # 5%, and what chance adds
    assert max(claims.values()) / n_studies <= most


def test_one_planted_name_shows_nothing_of_names():
    rows = [
        made_row(i, "name", own, not own, not own, planted="x")
        for i in range(30)
        for own in (False, True)
    ]
    numbers = algorithm_numbers([made_table(rows)], 0.03)
    [row, _] = numbers["changes"]
    assert (row["n_programs"], row["n_planted"]) == (30, 1)
    assert row["moved"]["over_control"]["verdict"] is Verdict.UNDECIDED
    [table, *_] = algorithms_section(numbers, [], 2).tables
    assert table.rows[0][2] == "30 (30, 1)"


def test_a_name_of_the_control_is_a_unit_too():
    """Each answer has a name of its own, and all controls the same one."""
    rows = [
        made_row(i, "type_of_name", own, not own, not own, planted="x" if own else f"c{i}")
        for i in range(30)
        for own in (False, True)
    ]
    [row, _] = algorithm_numbers([made_table(rows)], 0.03)["changes"]
    assert row["follows"]["over_control"]["verdict"] is Verdict.UNDECIDED
    assert row["follows"]["rate"]["lower"] > 0.8
    assert row["follows"]["control"]["upper"] == 1


def test_what_one_planted_type_less_would_change_is_told():
    """Half of the answers got a type that moves all, the others one that moves none."""
    rows = [
        made_row(i, "nearest", own, not own and i < 20, False, planted="ab"[i // 20])
        for i in range(40)
        for own in (False, True)
    ]
    numbers = algorithm_numbers([made_table(rows)], 0.03)
    [row, _] = numbers["changes"]
    assert row["moved"]["left_out"] == {
        "lowest": {"without": "a", "estimate": 0.0},
        "highest": {"without": "b", "estimate": 1.0},
    }
    [sentence, *_] = algorithms_section(numbers, [], 2).reading
    assert "points moved (+0.0 to +100.0 without one of the 2 planted)" in sentence


@pytest.mark.parametrize(
    ("hypothesis", "control"),
    [
        ("name", "the same change elsewhere"),
        ("type_of_name", "a name of the answer's own type, in the same place"),
    ],
)
def test_a_finding_names_its_own_control(hypothesis, control):
    rows = [made_row(i, hypothesis, own, not own, False) for i in range(9) for own in (False, True)]
    [finding] = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), [], 2).findings
    assert finding.control == control


def test_the_shift_between_edits_is_that_of_the_same_examples():
    rows = {
        edit: [
            made_row(i, "name", own, not own and by, False, edit)
            for i in range(first, first + 20)
            for own in (False, True)
        ]
        for edit, by, first in (("original", True, 0), ("rename_vars", False, 5))
    }
    numbers = algorithm_numbers([made_table(own) for own in rows.values()], 0.03)
    [shift] = [row for row in numbers["shifts"] if row["n"]]
    assert (shift["hypothesis"], shift["n"], shift["estimate"]) == ("name", 15, -1.0)
    assert shift["verdict"] is Verdict.SHOWN


def test_ten_examples_are_shown_of_each_kind_in_turn_and_spell_no_markup():
    cells = itertools.product(("right", "wrong"), ("nearest", "name"), range(4), (False, True))
    rows = [
        made_row(i + 10 * (outcome == "wrong"), hypothesis, own, True, False, outcome=outcome)
        for outcome, hypothesis, i, own in cells
    ]
    shown = shown_examples(made_table(rows))
    assert len({row["example_id"] for row in shown}) == len(shown) == 8
    assert {(row["outcome"], row["hypothesis"]) for row in shown[:4]} == {
        (outcome, name) for outcome in ("right", "wrong") for name in ("nearest", "name")
    }
    section = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), shown, 2)
    assert "`a¦'b'` becomes `c0`" in section.tables[-1].rows[0]
    empty = algorithms_section(algorithm_numbers([made_table([])], 0.03), [], 2)
    assert empty.reading == ["No example has a change and its control."]


def test_what_is_explained_is_of_answers_that_were_asked_of_name_and_annotation():
    """20 examples are asked both, and 10 of the name alone, which moves them: they do not count."""
    rows = [
        *(made_row(i, "nearest", own, False, False) for i in range(20) for own in (False, True)),
        *(
            made_row(i, "name", own, i < 5 and not own, False)
            for i in range(20)
            for own in (False, True)
        ),
        *(made_row(i, "name", own, not own, False) for i in range(20, 30) for own in (False, True)),
    ]
    numbers = algorithm_numbers([made_table(rows)], 0.03)
    [explained] = [row for row in numbers["explained"] if row["outcome"] == "all"]
    assert explained["n"] == 20
    assert explained["shares"]["name"]["estimate"] == 0.25
    assert explained["shares"]["none of them"]["estimate"] == 0.75
