"""The numbers of a ladder on planted answers and sweeps, against values worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from fimscope.errors import UserError
from fimscope.experiments.ladder.numbers import ladder_numbers, training_numbers
from fimscope.experiments.ladder.rungs import Rung
from fimscope.experiments.ladder.section import ladder_text
from fimscope.experiments.patch.curves import Curve, Sweep
from fimscope.models.prepared import Prepared
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.verdicts import Margins

N = 40  # programs, of one hole each
MARGINS = Margins(effect=0.1, accuracy=0.03)


def rung(
    name: str, n_right: int, n_broken: int, n_blocks: int, arrives: int | None, n: int = N
) -> Rung:
    """Of n holes the first `n_right` are right, of these the first `n_broken` broken; patches do
    nothing before the point `arrives`, and all from there on; None: no answer was patched."""
    programs = [f"p{i:02d}" for i in range(n)]
    model = Prepared(
        folder=Path(name),
        source={},
        revision=None,
        family="gpt_bigcode",
        n_blocks=n_blocks,
        d_model=8,
        n_heads=2,
        vocab_size=9,
        n_context=9,
        trust_remote_code=False,
        files={},
        n_parameters=1_500_000,
    )
    sweep = Sweep("restore", "last", [], {}, {}, 0, 0)
    if arrives is not None:
        step = np.repeat([[float(p >= arrives) for p in range(n_blocks + 1)]], n, axis=0)
        names = np.array(programs)
        curves = {
            "paired": Curve(step, names, names),
            "unrelated": Curve(0 * step, names, names),
        }
        sweep = Sweep("restore", "last", [*range(n_blocks + 1)], curves, curves, n, 0)
    return Rung(
        name,
        model,
        {f"h{i}": (p, i < n_right) for i, p in enumerate(programs)},
        {f"h{i}": (p, n_broken <= i < n_right) for i, p in enumerate(programs)},
        sweep,
    )


def numbers_of(*rungs: Rung):
    return ladder_numbers(rungs, Bootstrap(200), MARGINS)


def test_a_rung_is_told_by_its_accuracy_its_fall_and_its_arrival():
    found = numbers_of(rung("main", 20, 10, 8, 6))
    [row] = found["rungs"]
    assert (found["n"], found["n_programs"]) == (40, 40)
    assert row["right"]["estimate"] == 20 / 40
    assert row["change"]["estimate"] == -10 / 40
    assert row["broken"]["estimate"] == 10 / 20
    assert (row["n_broken"], row["n_mended"], row["n_pairs"]) == (10, 0, 40)
    assert row["half_at"] == {"estimate": 6, "lower": 6, "upper": 6}
    assert row["arrival"] == {"estimate": 0.75, "lower": 0.75, "upper": 0.75}
    assert found["against_first"] == [] and found["trainings"] is None


def test_rungs_are_compared_on_the_same_holes():
    found = numbers_of(rung("main", 20, 10, 8, 6), rung("other", 38, 2, 4, 3))
    [row] = found["against_first"]
    # 18 holes are right in the other alone; it loses 2 of 40 and the first 10 of 40.
    assert row["right"]["estimate"] == 18 / 40
    assert row["change"]["estimate"] == pytest.approx(8 / 40)
    # Of the 20 that both have right the edit breaks 2 and 10.
    assert (row["broken"]["n"], row["broken"]["estimate"]) == (20, -8 / 20)
    assert {row[key]["verdict"] for key in ("right", "change", "broken")} == {"shown"}
    # Half is passed after 2/4 and by 3/4 in the one, after 5/8 and by 6/8 in the other.
    apart = {"estimate": 0, "lower": 2 / 4 - 6 / 8, "upper": 3 / 4 - 5 / 8}
    assert row["arrival"] == {**apart, "verdict": "undecided"}


def test_changes_do_not_differ_by_more_than_changes_can():
    found = numbers_of(rung("main", 2, 1, 8, None, n=2), rung("other", 2, 0, 8, None, n=2))
    change = found["against_first"][0]["change"]
    # Of two programs, 0.5 with an error of 0.5, times 12.7.
    assert (change["estimate"], change["lower"], change["upper"]) == (0.5, -2, 2)


def test_two_deep_models_whose_types_arrive_at_one_depth_are_alike():
    found = numbers_of(rung("main", 20, 10, 20, 15), rung("other", 20, 10, 16, 12))
    [row] = found["against_first"]
    assert (row["arrival"]["lower"], row["arrival"]["upper"]) == (-1 / 16, 1 / 20)
    assert row["arrival"]["verdict"] == "shown absent"


def test_types_that_arrive_at_other_shares_of_the_depth_are_told_apart():
    found = numbers_of(rung("main", 20, 10, 8, 6), rung("early", 20, 10, 8, 2))
    [row] = found["against_first"]
    apart = {"estimate": -0.5, "lower": 1 / 8 - 6 / 8, "upper": 2 / 8 - 5 / 8}
    assert row["arrival"] == {**apart, "verdict": "shown"}


def test_a_rung_without_broken_answers_arrives_nowhere():
    found = numbers_of(rung("main", 20, 10, 8, 6), rung("none", 20, 0, 8, None))
    assert found["rungs"][1]["half_at"] is found["rungs"][1]["arrival"] is None
    assert found["against_first"][0]["arrival"] is None
    assert "nowhere shown" in ladder_text(found, "rename_vars")


def test_a_rung_that_is_never_right_breaks_nothing():
    found = numbers_of(rung("main", 20, 10, 8, 6), rung("bad", 0, 0, 8, None))
    assert found["rungs"][1]["broken"] is found["against_first"][0]["broken"] is None
    assert "none was right" in ladder_text(found, "rename_vars")


def test_rungs_without_a_common_hole_are_refused():
    one, other = rung("main", 20, 10, 8, 6), rung("other", 20, 10, 8, 6)
    moved = {f"x{hole}": answer for hole, answer in other.before.items()}
    with pytest.raises(UserError, match="main, other: no hole that all answered"):
        numbers_of(one, Rung("other", other.model, moved, other.after, other.sweep))


def training(name: str, n_blocks: int, right: float, half_at: int | None = None):
    arrival = None if half_at is None else {"estimate": half_at / n_blocks}
    row = {"name": name, "n_blocks": n_blocks, "d_model": 8, "n_heads": 2, "arrival": arrival}
    row |= {"right": {"estimate": right}, "change": {"estimate": -right / 10}, "broken": None}
    return row


def test_one_more_training_lies_where_students_t_says():
    rows = [training(f"seed {r}", 24, r) for r in (0.55, 0.6, 0.65)]
    rows += [training("far", 12, 0.05), training("near", 36, 0.75)]
    found = training_numbers(rows)
    assert found["names"] == ["seed 0.55", "seed 0.6", "seed 0.65"]
    assert [*found["measures"]] == ["right", "change"]  # what every one has
    right = found["measures"]["right"]
    # 4.302653 is the 97.5% quantile of t with 2 degrees of freedom; 0.05 sqrt(1 + 1/3) the error.
    reach = 4.302653 * 0.05 * (4 / 3) ** 0.5
    assert (right["mean"], right["standard_deviation"]) == (0.6, 0.05)
    assert right["lower"] == pytest.approx(0.6 - reach, abs=1e-6)
    assert right["upper"] == pytest.approx(0.6 + reach, abs=1e-6)
    assert [(o["name"], o["verdict"]) for o in right["others"]] == [
        ("far", "shown"),
        ("near", "undecided"),
    ]
    assert training_numbers(rows[2:]) is None


def test_one_more_training_lies_where_a_share_can():
    measures = training_numbers([training(f"seed {r}", 24, r) for r in (0.1, 0.9)])["measures"]
    assert (measures["right"]["lower"], measures["right"]["upper"]) == (0, 1)
    # 12.7062 is the 97.5% quantile of t with 1 degree of freedom; a change may go below 0.
    reach = 12.7062 * np.std([-0.01, -0.09], ddof=1) * 1.5**0.5
    assert measures["change"]["lower"] == pytest.approx(-0.05 - reach, abs=1e-4)


def test_trainings_whose_types_arrive_at_one_point_may_still_differ_by_a_part_of_it():
    rows = [training(f"seed {i}", 24, 0.5, 16) for i in range(3)]
    rows += [training(f"at {k}", 12, 0.5, k) for k in (8, 9, 10)]
    arrival = training_numbers(rows)["measures"]["arrival"]
    # The rounding's deviation is 1/24 over the root of 12; it alone reaches 0.06, and a point of
    # 12 blocks is 0.083 more: 10/12 lies 0.167 away.
    assert arrival["standard_deviation"] == pytest.approx(1 / 24 / 12**0.5, abs=1e-6)
    reach = 4.302653 * (4 / 3) ** 0.5 / 24 / 12**0.5
    assert arrival["upper"] == pytest.approx(16 / 24 + reach, abs=1e-6)
    assert [o["verdict"] for o in arrival["others"]] == ["undecided", "undecided", "shown"]


def test_the_page_says_what_is_shown_and_that_one_training_is_one():
    text = ladder_text(
        numbers_of(rung("main", 20, 10, 8, 6), rung("other", 38, 2, 4, 3)), "rename_vars"
    )
    assert "Asked 40 holes of 40 programs" in text
    assert "- *shown*: `other` is right at another rate than `main`: +45.0 points" in text
    assert "| `main` | 1.50 M | 8, 8, 2 | 50.0%" in text
    assert "6 (6 to 6) | 75% (75 to 75)" in text
    assert "One training of every size" in text
