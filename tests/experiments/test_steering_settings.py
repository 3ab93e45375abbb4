"""The choice on `select`, the doses of an example, and the numbers made from the results."""

import numpy as np
import pytest
from scipy.stats import t

from apply_steering import recipients_of
from fimscope.experiments.steer.doses import (
    Dose,
    doses_on_select,
    doses_on_test,
    stack_doses,
    windows_of,
)
from fimscope.experiments.steer.numbers import steering_numbers
from fimscope.experiments.steer.section import steering_section
from fimscope.experiments.steer.settings import Setting, chosen_settings, score_settings
from fimscope.experiments.steer.steered import choose_some, unrelated_tokens
from fimscope.experiments.steer.vectors import (
    Vector,
    VectorSet,
    flipped_and_zero,
    mean_difference,
    random_vectors,
)
from fimscope.statistics.verdicts import Verdict

MARGIN = 0.03


def result(
    example, outcome, kind, points, strength, to_gold, rise=0.0, group="select", vector=None
):
    wrong = outcome == "wrong"
    return {
        "example_id": example,
        "edit": "rename_vars",
        "program_id": example[0],
        "gold": "string",
        "group": group,
        "outcome": outcome,
        "broken": wrong,
        "kind": kind,
        "vector": vector or kind,
        "points": points,
        "strength": strength,
        "to_gold": to_gold,
        "predicted": "string" if to_gold else "T",
        "logit_diff": rise - 1 if wrong else None,
        "unsteered_logit_diff": -1.0 if wrong else None,
    }


def on_select():
    rows = []
    for points, strength, mended, worsened, rise in [
        ([0], 1.0, 2, 1, 9.0),  # mends both, breaks the right one: 2/2 - 1/1
        ([1], 1.0, 1, 0, 2.0),  # 1/2 - 0
        ([1], 2.0, 1, 0, 2.0),  # the same, stronger
        ([2], 1.0, 1, 0, 1.0),  # the same, with less of a rise
    ]:
        for i, example in enumerate(("Aw", "Bw")):
            mends = i < mended
            rows.append(result(example, "wrong", "mean_difference", points, strength, mends, rise))
        kept = worsened == 0
        rows.append(result("Cr", "right", "mean_difference", points, strength, kept))
    return rows


def test_the_choice_weighs_mended_against_worsened_and_breaks_ties():
    scored = score_settings(on_select())
    assert [row["score"] for row in scored] == [0.0, 0.5, 0.5, 0.5]
    assert chosen_settings(scored) == {
        "mean_difference": Setting("mean_difference", None, (1,), 1.0)
    }


def test_without_a_wrong_example_nothing_is_chosen():
    rows = [row for row in on_select() if row["outcome"] == "right"]
    assert chosen_settings(score_settings(rows)) == {}
    assert chosen_settings(score_settings([])) == {}


def test_windows():
    assert windows_of(4, 1) == [(0,), (1,), (2,), (3,)]
    assert windows_of(4, 3) == [(0,), (1,), (2,), (3,), (0, 1, 2), (1, 2, 3)]
    assert windows_of(2, 3) == [(0,), (1,)]


@pytest.fixture
def vectors() -> VectorSet:
    differences = np.ones((2, 3, 4), dtype=np.float32)
    general = mean_difference(differences, ["A", "B"], "mean_difference", "mean_difference")
    return VectorSet(
        [general, *flipped_and_zero(general), *random_vectors((3, 4), 20, 0)],
        np.ones(3, dtype=np.float32),
    )


def test_the_commonest_type_has_a_setting_of_its_own():
    common = Vector("majority_type", "majority_type", "string", np.ones((3, 4)), 2, 2)
    vectors = VectorSet([common], np.ones(3, dtype=np.float32))
    of_main = doses_on_test(
        vectors, "string", Setting("mean_difference", None, (1,), 1.0), [0.5, 1.0]
    )
    of_its_own = doses_on_test(
        vectors, "string", Setting("majority_type", None, (2,), 1.0), [0.5, 1.0]
    )
    assert of_main == []
    assert of_its_own == [Dose("majority_type", "majority_type", n) for n in (0.5, 1.0)]
    assert {dose.kind for dose in doses_on_select(vectors, "string", [1.0])} == {"majority_type"}


def test_doses_at_the_chosen_setting(vectors):
    setting = Setting("mean_difference", None, (1,), 1.0)
    doses = doses_on_test(vectors, "string", setting, [0.5, 1.0])
    assert len(doses) == len(set(doses))
    assert not any(dose.kind == "random" for dose in doses)
    assert {d.strength for d in doses if d.kind == "mean_difference"} == {0.5, 1.0}
    assert Dose("flipped", "flipped", 1.0) in doses
    stacked = stack_doses(vectors, [doses[:2], doses[:1]], [1, 2], 4)
    assert stacked.shape == (2, 2, 2, 4)
    assert stacked[:, 1, 0].norm(dim=-1).tolist() == pytest.approx([0.5, 0.5])
    assert (stacked[:, 1, 1] == 0).all()


def test_every_random_vector_is_tried_and_has_a_setting_of_its_own(vectors):
    tried = doses_on_select(vectors, "string", [0.5, 1.0])
    assert sum(dose.kind == "random" for dose in tried) == 2 * 20
    rows = [
        result("Aw", "wrong", "random", [point], 1.0, point == best, vector=f"random/{best:03d}")
        for best in (0, 1)
        for point in (0, 1)
    ]
    chosen = chosen_settings(score_settings(rows))
    assert chosen == {
        f"random/{n:03d}": Setting("random", f"random/{n:03d}", (n,), 1.0) for n in (0, 1)
    }
    assert doses_on_test(vectors, "string", chosen["random/001"], [0.5]) == [
        Dose("random", "random/001", strength) for strength in (0.5, 1.0)
    ]


def test_unrelated_tokens_are_neither_named_nor_the_ends():
    prompt = {
        "example_id": "x",
        "token_ids": list(range(8)),
        "positions": [{"name": "last", "index": 7}, {"name": "hole_name", "index": 3}],
    }
    assert unrelated_tokens(prompt, 9, 0) == [1, 2, 4, 5, 6]
    assert len(unrelated_tokens(prompt, 2, 0)) == 2
    assert unrelated_tokens({**prompt, "token_ids": [1, 2]}, 2, 0) == []


def test_some_examples_are_the_same_whatever_else_there_is():
    rows = [{"example_id": str(i)} for i in range(20)]
    some = choose_some(rows, 5, 0)
    assert len(some) == 5
    assert choose_some(rows[:10] + rows[10:], 5, 0) == some
    kept = [row for row in rows if row in some or int(row["example_id"]) % 2]
    assert choose_some(kept, 5, 0) == some


def test_recipients_are_those_that_the_first_token_tells():
    def rows(key, values):
        return [{"example_id": e, key: v} for e, v in values.items()]

    prompts = rows("token_ids", {"a": [1], "b": [1], "c": [1]})
    tokens = {"a": (5, 6), "b": (5, 5), "c": (5, 5)}  # gold, predicted
    predictions = [
        {"example_id": e, "gold_token_id": g, "predicted_token_id": p}
        for e, (g, p) in tokens.items()
    ]
    split = [
        {"example_id": e, "outcome": o, "broken": False}
        for e, o in {"a": "wrong", "b": "right", "c": "wrong"}.items()
    ]
    found = recipients_of(prompts, predictions, split, dict.fromkeys("abc", "test"))
    assert [(row["example_id"], row["outcome"]) for row in found] == [
        ("a", "wrong"),
        ("b", "right"),
    ]
    assert found[0]["foil_token_id"] == 6


def on_test():
    """Of four programs' wrong examples the mean difference mends three, a random vector one; it
    spoils the right one, as half of the random vectors do."""
    rows = []
    for i, program in enumerate("ABCD"):
        example = f"{program}w"
        rows.append(result(example, "wrong", "none", [], 0.0, False, group="test"))
        rows.append(result(example, "wrong", "mean_difference", [1], 1.0, i < 3, 2.0, group="test"))
        rows.append(result(example, "wrong", "flipped", [1], 1.0, False, group="test"))
        for r in range(20):
            vector = f"random/{r:03d}"
            rows.append(result(example, "wrong", "random", [1], 1.0, i == 0, 0.5, "test", vector))
    rows.append(result("Er", "right", "none", [], 0.0, True, group="test"))
    rows.append(result("Er", "right", "mean_difference", [1], 1.0, False, group="test"))
    for r in range(20):
        vector = f"random/{r:03d}"
        rows.append(result("Er", "right", "random", [1], 1.0, r < 10, 0, "test", vector))
    return rows


def select_and_settings():
    """The results on `select`, with those of no steering, and what was chosen by them."""
    plain = [
        result(e, o, "none", [], 0.0, o == "right")
        for e, o in {"Aw": "wrong", "Bw": "wrong", "Cr": "right"}.items()
    ]
    return on_select() + plain, score_settings(on_select() + plain)


def test_numbers_worked_out_by_hand():
    select, scored = select_and_settings()
    numbers = steering_numbers(select + on_test(), scored, [], [], MARGIN)
    at = {row["kind"]: row for row in numbers["at_setting"]}
    assert at["mean_difference"]["mended"]["estimate"] == 0.75
    assert at["mean_difference"]["worsened"]["estimate"] == 1.0
    assert at["mean_difference"]["gain"]["estimate"] == 2.0
    assert at["random"]["mended"]["estimate"] == 0.25
    assert at["random"]["n_vectors"] == 20
    # Of 5 the nets are 2, and 1 or 0 of the random ones, half and half. These vary by less than
    # 5 examples do by chance: 4 changes of the one and 30 of theirs, and half an example more.
    variance = (34.5 / 106 - (12 / 106) ** 2) / 5
    p = t.sf(0.3 / np.sqrt(variance * (1 + 1 / 20)), 19)
    found = numbers["comparisons"]["mean_difference"]
    beside = found["random"]
    assert [beside[key] for key in ("own", "mean", "lowest", "highest")] == [0.4, 0.1, 0, 0.2]
    assert (beside["n"], beside["n_vectors"], beside["n_as_good"]) == (5, 20, 0)
    assert beside["estimate"] == 0.3
    assert beside["p"] == pytest.approx(p, rel=1e-3)
    assert beside["adjusted_p"] == pytest.approx(2 * p, rel=1e-3)
    assert (beside["verdict"], beside["programs_to_decide"]) == (Verdict.UNDECIDED, None)
    assert beside["least_shown"] == pytest.approx(
        t.isf(0.045 / 2, 19) * np.sqrt(variance * 1.05), rel=1e-3
    )
    assert "verdict" not in at["random"]["net"]
    # three programs differ, all upwards: p = 2 * 1/8
    assert found["flipped"]["p"] == 0.25
    # of five examples three are mended and the one right one is spoiled
    assert at["mean_difference"]["net"]["estimate"] == pytest.approx(0.4)
    assert (at["mean_difference"]["net"]["n"], at["flipped"]["net"]["n"]) == (5, 4)
    tested = [row["net"] for kind, row in at.items() if kind not in ("random", "shuffled")]
    least = min(net["p"] for net in tested)  # of the family the smallest p is times its size
    assert min(net["adjusted_p"] for net in tested) == min(1, least * len(tested))
    section = steering_section(
        numbers,
        [{"name": "mean_difference", "n_pairs": 7, "n_programs": 6}],
        [
            {"edit": "rename_vars", "group": "test", "outcome": outcome}
            for outcome in ("right", *["wrong"] * 6)
        ],
    )
    assert section.findings[0].number.endswith("n = 5 (4 of 6 wrong and 1 of 1 right)")
    assert section.explorer == "edit=rename_vars&group=test"
    assert "75.0%" in section.reading[0]
    said = " ".join(section.reading)
    assert "change accuracy by +10.0 points on average (each: +0.0 to +20.0); 0 of 20" in said
    assert "under random" not in said
    [row] = [row for row in section.tables[0].rows if row[0] == "random"]
    assert row[-1] == "does more: undecided"


def test_settings_of_every_random_vector_are_listed():
    rows = [
        result("Aw", "wrong", kind, [point], 1.0, point == best, vector=vector)
        for kind, vector, best in (
            ("random", "random/000", 0),
            ("random", "random/001", 1),
            ("mean_difference", None, 2),
        )
        for point in range(3)
    ]
    plain = result("Aw", "wrong", "none", [], 0.0, False)
    scored = score_settings([plain, *rows])
    numbers = steering_numbers([plain, *rows], scored, [], [], MARGIN)
    points = {name: row["points"] for name, row in numbers["settings"].items()}
    assert points == {"random/000": [0], "random/001": [1], "mean_difference": [2]}


def test_where_no_pair_has_the_gold_the_vector_without_it_is_the_mean_difference():
    rows = on_test()
    own = [row for row in rows if row["kind"] == "mean_difference"]
    rows += [{**row, "kind": "held_out_type"} for row in own[:2]]
    held_out = {"kind": "held_out_type", "vector": "held_out_type/string"}
    rows += [{**row, **held_out} for row in own[2:]]
    select, scored = select_and_settings()
    numbers = steering_numbers(select + rows, scored, [], [], MARGIN)
    assert numbers["n_not_held_out"] == 2
    fitted = {"name": "mean_difference", "n_pairs": 7, "n_programs": 6}
    said = " ".join(steering_section(numbers, [fitted], []).reading)
    assert "For 2 of these 5 no pair has the gold" in said


def test_a_vector_that_only_says_one_type_is_seen_on_the_golds_other_than_it():
    """The mean difference makes every answer `string`: 12 programs have that gold, 12 another."""
    names = "ABCDEFGHIJKLMNOPQRSTUVWX"
    rows = []
    for i, name in enumerate(names):
        gold = "string" if i < 12 else "number"
        for kind, points in (("none", []), ("mean_difference", [1]), ("held_out_type", [1])):
            says = "string" if kind == "mean_difference" else "T"
            row = result(f"{name}w", "wrong", kind, points, 1.0, says == gold, group="test")
            rows.append({**row, "gold": gold, "predicted": says})
        for r in range(200):
            vector = f"random/{r:03d}"
            row = result(f"{name}w", "wrong", "random", [1], 1.0, False, 0, "test", vector)
            rows.append({**row, "gold": gold, "predicted": "T"})
    select, scored = select_and_settings()
    numbers = steering_numbers(select + rows, scored, [], [], MARGIN)
    own, held_out = (
        numbers["comparisons"][k]["random"] for k in ("mean_difference", "held_out_type")
    )
    assert (own["estimate"], own["verdict"]) == (0.5, Verdict.SHOWN)
    assert (held_out["estimate"], held_out["p"]) == (0, 0.5)
    favourite = numbers["favourite"]
    assert favourite["n_unsteered"] == 0
    assert [favourite[key] for key in ("type", "n", "n_wrong", "n_others")] == [
        "string",
        24,
        24,
        12,
    ]
    assert favourite["mended"]["mean_difference"]["estimate"] == 0
    assert favourite["comparisons"]["mean_difference"]["random"]["verdict"] != Verdict.SHOWN


def test_a_section_where_there_is_nothing():
    numbers = steering_numbers([], [], [], [], MARGIN)
    section = steering_section(numbers, [], [])
    assert "nothing to fit" in section.reading[0]
    assert section.tables == []
