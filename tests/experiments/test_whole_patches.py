"""Lent whole types: paired by verdicts, swept as one forward a patch, counted as by hand."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from bare_points import bare_points
from fimscope.experiments.patch.exactness import Rounding
from fimscope.experiments.patch.measures import patch_table
from fimscope.experiments.patch.pairs import (
    DONOR_KINDS,
    PROGRAM,
    Predictions,
    number_programs,
    pair,
)
from fimscope.experiments.whole_patches.donors import WholeDonors, collect_donors
from fimscope.experiments.whole_patches.measures import patch_rows
from fimscope.experiments.whole_patches.numbers import (
    FIRST,
    LATER,
    PER_TOKEN,
    WHOLE,
    regained,
    whole_patch_numbers,
)
from fimscope.experiments.whole_patches.pairs import (
    LONGER,
    ONE_TOKEN,
    judged_rows,
    length_of,
    numbered,
    whole_pairs,
)
from fimscope.experiments.whole_patches.section import whole_patches_section
from fimscope.experiments.whole_patches.tables import WHOLE_PAIRS, WHOLE_PATCHES
from fimscope.inference.batching import BatchRunner
from fimscope.interventions.sweep import sweep_plain
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.verdicts import Verdict
from fimscope.typescript.client import TypeScript
from models import random_model, random_prompts
from pair_whole_types import forms_of
from patch_prompts import pair_rows
from plot_whole_patches import plot_whole_patches
from sweep_patches import sweep_patches
from sweep_whole_types import ask_donors, plan_pairs, sweep_types
from tokenizers_for_tests import byte_tokenizer

ROUNDING = Rounding("float32", 0.5)
TOKENS = {"string": [1], "number": [2], "T[]": [3, 4], "Map<T>": [5, 6, 7], "T": [3]}


def completion(example, edit, gold, answer, **more):
    return {
        **{"example_id": example, "edit": edit, "program_id": f"p{example}", "gold": gold},
        **{"gold_token_ids": TOKENS[gold], "completed_type": answer, "ended": True},
        **{"type_token_ids": TOKENS.get(answer), **more},
    }


def verdict(row, **more):
    right = row["gold"] == row["completed_type"]
    said = {"verdict": "same" if right else "fails", "right": right, "form": "name"}
    return {"example_id": row["example_id"], **said, **more}


def test_what_cannot_be_patched_is_left_out_with_its_reason():
    rows = [
        completion("a", "e", "T[]", "T[]"),
        completion("b", "e", "T[]", "", type_token_ids=[]),
        completion("c", "e", "T[]", "string", ended=False),
        completion("d", "e", "T[]", "Map<T>", type_token_ids=None),
        completion("f", "e", "Map<T>", "string"),
        completion("g", "e", "T[]", "string"),
        completion("h", "e", "T[]", "string"),
    ]
    verdicts = [verdict(row) for row in rows[:-1]]
    verdicts[5] |= {"right": True, "verdict": "equivalent"}
    found, rejected = judged_rows(rows, verdicts, 2)
    assert [(row["example_id"], row["correct"]) for row in found] == [("a", True)]
    assert [(row["example_id"], row["reason"]) for row in rejected] == [
        *[("b", "not_paired"), ("c", "not_paired"), ("d", "token_boundary")],
        *[("f", "over_budget"), ("g", "not_paired")],
    ]


def test_lengths_are_those_of_target_and_foil():
    assert length_of([1], [2]) == ONE_TOKEN
    assert length_of([1, 2], [3]) == length_of([1, 2], [3, 4]) == LONGER
    assert length_of([1], [2, 3]) is None


@pytest.fixture
def paired():
    """Seven broken golds of each of four types, whose variants say the next type of the list, and
    one that stays right."""
    types = ["string", "number", "T[]", "Map<T>"]
    rows = {"original": [], "rename_vars": []}
    for number in range(32):
        gold, said = types[number % 4], types[(number + (number < 28)) % 4]
        rows["original"].append(completion(f"{number:02d}", "original", gold, gold))
        rows["rename_vars"].append(completion(f"{number:02d}", "rename_vars", gold, said))
    kept = [judged_rows(own, map(verdict, own), 9)[0] for own in rows.values()]
    programs = number_programs(
        [dict.fromkeys(PROGRAM.names, f"p{number:02d}") for number in range(32)], 1
    )
    numbers = {}
    originals, variants = (Predictions(numbered(own, numbers), programs, 1) for own in kept)
    by_key = {(row["example_id"], row["edit"]): row for own in kept for row in own}
    assert len(numbers) == 4

    def of(condition, max_pairs):
        found, lonely = pair(condition, variants, originals, 99, 1)
        assert not lonely
        return whole_pairs(found, by_key, max_pairs)

    return of


def test_a_whole_type_is_lent_as_a_first_token_is(paired):
    rows, rejected = paired("restore", 99)
    # A gold of one token beside a foil of two is neither.
    assert [row["reason"] for row in rejected] == ["not_paired"] * 7
    assert len(rows) == 21 * len(DONOR_KINDS)
    first = {row["pair_id"]: row for row in rows if row["donor_kind"] == "paired"}
    for name, row in first.items():
        assert name == f"restore-{row['donor_example_id']}" and row["donor_edit"] == "original"
        assert row["target_token_ids"] == TOKENS[row["target"]]
        assert row["foil_token_ids"] == TOKENS[row["foil"]]
    assert {(row["target"], row["foil"]) for row in rows} == {
        *[("string", "number"), ("T[]", "Map<T>"), ("Map<T>", "string")]
    }
    wrong, _ = paired("wrong_to_wrong", 99)
    for row in wrong:
        if row["donor_kind"] == "paired":
            types = ["string", "number", "T[]", "Map<T>"]
            assert row["donor_edit"] == "rename_vars"
            assert row["target"] == types[(int(row["donor_example_id"]) + 1) % 4]
            assert row["foil"] == types[(int(row["recipient_example_id"]) + 1) % 4]


def test_the_first_pairs_of_each_length_are_kept(paired):
    few, _ = paired("restore", 3)
    every, _ = paired("restore", 99)
    for is_longer in (False, True):
        own = [
            list(
                dict.fromkeys(
                    row["pair_id"]
                    for row in rows
                    if (len(row["target_token_ids"]) > 1) == is_longer
                )
            )
            for rows in (few, every)
        ]
        assert len(own[0]) == 3 and own[0] == own[1][:3]


def test_types_that_begin_alike_are_no_pair():
    rows = {
        ("r", "rename_vars"): completion("r", "rename_vars", "T", "T[]"),
        ("r", "original"): completion("r", "original", "T", "T"),
    }
    found = [
        {
            **row,
            **{"recipient_example_id": "r", "recipient_edit": "rename_vars"},
            **{"donor_example_id": "r", "donor_edit": "original"},
        }
        for row in pair_rows()
    ]
    kept, [rejected] = whole_pairs(found, rows, 9)
    assert (kept, rejected["reason"]) == ([], "same_answer")


@pytest.mark.node
def test_the_form_of_a_type_is_the_one_that_golds_have():
    types = ["string", "T[]", "Map<K, V>", "A | B", "() => void", "Own", "{ a: 1 }", "no type"]
    with TypeScript() as typescript:
        found = forms_of(typescript, types)
        assert forms_of(typescript, []) == {}
    assert [found[own] for own in types] == [
        *["builtin", "array", "generic", "union", "function", "name", "other", "other"]
    ]


# The sweep, on a random model.

LENGTHS = (9, 12, 7, 10)


def study(types):
    """Prompts, and a pair of every two neighbours with the target and foil of each."""
    prompts = {(f"e{i}", "original"): ids for i, ids in enumerate(random_prompts(LENGTHS))}
    pairs = []
    for recipient, (target, foil) in enumerate(types):
        for number, row in enumerate(pair_rows()):
            donor = f"e{(recipient + number + 1) % len(prompts)}"
            if row["donor_kind"] == "self":
                donor = f"e{recipient}"
            has = row["donor_example_id"]
            named = {
                "pair_id": f"restore-{recipient}",
                "recipient_example_id": f"e{recipient}",
                "recipient_edit": "original",
                "donor_example_id": donor if has else None,
                "donor_edit": has and "original",
                **{"target_token_ids": target, "foil_token_ids": foil},
                **{"target_token_id": target[0], "foil_token_id": foil[0]},
                **{"gold_token_id": target[0], "donor_token_id": target[0]},
            }
            pairs.append({**row, **named})
    return prompts, pairs


def swept_of(model, prompts, pairs, batch_tokens=1000):
    runner = BatchRunner(lambda: model, batch_tokens, UNKEPT)
    donors = WholeDonors(collect_donors(runner, prompts, pairs, 3), prompts, 3)
    swept = list(sweep_types(runner, prompts, pairs, donors))
    return donors, swept, ask_donors(runner, prompts, pairs)


@pytest.mark.model
@pytest.mark.parametrize("name", ["gpt_bigcode", "gemma3_text"])
def test_types_of_one_token_are_what_the_sweep_of_first_tokens_gives(name):
    model = random_model(name)
    prompts, pairs = study([([4], [9]), ([5], [8]), ([6], [7]), ([11], [12])])
    donors, swept, own = swept_of(model, prompts, pairs)
    runner = BatchRunner(lambda: model, 1000, UNKEPT)
    by_name = {(o.pair["pair_id"], o.pair["donor_kind"]): o for o in swept}
    plain = list(sweep_patches(runner, prompts, pairs, donors))
    assert len(plain) == len(swept) == len(pairs)
    for one in plain:
        mine = by_name[one.pair["pair_id"], one.pair["donor_kind"]]
        for what in ("target", "foil"):
            logprobs = one.logits[what] - one.logsumexp
            np.testing.assert_allclose(getattr(mine.patched, what)[:, 0], logprobs, atol=1e-4)
        np.testing.assert_array_equal(mine.turned, one.top_ids == one.pair["target_token_id"])
    diffs = {
        one.pair["pair_id"]: one.logits["target"][-1] - one.logits["foil"][-1]
        for one in plain
        if one.pair["donor_kind"] == "paired"
    }
    n = sum(len(one.top_ids) for one in plain)
    places = {"point": list(range(model.n_points)) * len(plain), "n_points": [1] * n}
    places["position"] = ["last"] * n
    encoder = Encoder(byte_tokenizer(["a: number"]))
    table = patch_table(plain, places, diffs, 0.01, encoder)
    ordered = [by_name[o.pair["pair_id"], o.pair["donor_kind"]] for o in plain]
    rows = list(patch_rows(ordered, own, 0.01))
    expected = table["normalised_effect"].to_pylist()
    assert [row["normalised_effect"] for row in rows] == pytest.approx(expected, abs=1e-2)
    assert [row["mean_effect"] for row in rows] == [row["normalised_effect"] for row in rows]


@pytest.mark.model
@pytest.mark.parametrize("name", ["gpt2", "qwen2"])
def test_longer_types_are_one_forward_for_each_patch_and_token(name):
    model = random_model(name)
    types = [([4, 5, 6], [9]), ([5, 2], [8, 1]), ([6, 7], [7]), ([11, 1, 2, 3], [12, 13])]
    prompts, pairs = study(types)
    donors, swept, own = swept_of(model, prompts, pairs, batch_tokens=30)
    points = [[point] for point in range(model.n_points)]
    for one in swept[:: len(swept) // 5]:
        ids = prompts[one.pair["recipient_example_id"], "original"]
        value = donors.of(one.pair)[:, None, None, None]
        for what in ("target", "foil"):
            answer = one.pair[f"{what}_token_ids"]
            for place, token in enumerate(answer):
                at = [[len(ids) - 1]]
                logits = sweep_plain(model, [[*ids, *answer[:place]]], at, points, value)
                plain = logits.log_softmax(-1)[:, 0, 0, token]
                mine = getattr(one.patched, what)[:, place]
                np.testing.assert_allclose(mine, plain.numpy(), atol=1e-4)
    for one in swept:
        if one.pair["donor_kind"] == "self":
            np.testing.assert_allclose(
                one.patched.target, one.before.target[None].repeat(model.n_points, 0), atol=1e-4
            )
        if one.pair["donor_kind"] == "paired":  # at the last point its first token is the donor's
            donor = own[one.pair["pair_id"]]
            assert one.patched.target[-1, 0] == pytest.approx(donor.target[0], abs=1e-4)
            np.testing.assert_allclose(one.patched.target[-1, 1:], one.before.target[1:], atol=1e-4)


def test_pairs_go_together_by_the_tokens_of_their_types():
    prompts, pairs = study([([1] * 8, [2]), ([1], [2]), ([1] * 7, [2, 3]), ([1], [2])])
    runner = BatchRunner(lambda: None, 1000, UNKEPT)
    groups = [pairs[n : n + len(DONOR_KINDS)] for n in range(0, len(pairs), len(DONOR_KINDS))]
    assert plan_pairs(runner, prompts, groups) == [[0, 2], [1, 3]]
    assert plan_pairs(runner, prompts, []) == []


@pytest.mark.model
def test_noise_and_other_tokens_are_donors_too():
    model = random_model("llama")
    prompts, pairs = study([([4], [9])])
    donors, _, _ = swept_of(model, prompts, pairs)
    of_kind = {row["donor_kind"]: donors.of(row) for row in pairs}
    assert not torch.equal(of_kind["paired"], of_kind["random_position"])
    assert (
        torch.equal(of_kind["random"], donors.of(pairs[4])) and pairs[4]["donor_kind"] == "random"
    )


# The numbers, of sweeps made by hand.

N_POINTS, MIN_GAP = 5, 0.5


def made(condition, number, target, arrive, kind, later):
    """Patches of one pair and kind of donor: its first token arrives at a point, the others not.

    later   of the log-probability of the later tokens, how far they come at every point
    """
    n = len(TOKENS[target])
    before, donor = [-4.0] * n, [-1.0] * n
    for point in range(N_POINTS):
        there = kind == "paired" and point >= arrive
        first = -1.0 if there else -4.0
        own = [first, *[-4.0 + 3 * later * (kind == "paired")] * (n - 1)]
        gap = sum(donor) - sum(before)
        effect = (sum(own) - sum(before)) / gap
        yield {
            **{"condition": condition, "pair_id": f"{condition}-{number}", "edit": "rename_vars"},
            **{"example_id": f"e{number}", "program_id": f"p{number}", "donor_kind": kind},
            **{"donor_example_id": None, "point": point, "target_logprob": sum(own)},
            **{"foil_logprob": 0.0, "logprob_diff": sum(own), "recipient_logprob_diff": 0.0},
            **{"donor_logprob_diff": 0.0, "normalised_effect": effect, "mean_effect": effect},
            **{"mean_logprob_diff": 0.0, "turned": there and n == 1, "token_logprobs": own},
            **{"recipient_token_logprobs": before, "donor_token_logprobs": donor},
        }


def tables(later=0.0, n=30):
    rows, pairs = [], []
    for number in range(2 * n):
        target = "string" if number < n else ("Map<T>", "T[]")[number % 2]
        form = {"string": "builtin", "Map<T>": "generic", "T[]": "array"}[target]
        for kind in DONOR_KINDS:
            rows += made("restore", number, target, 2 if number < n else 3, kind, later)
            pairs.append(
                {
                    **{"condition": "restore", "pair_id": f"restore-{number}"},
                    **{"donor_kind": kind, "target": target, "target_form": form},
                    **{"target_token_ids": TOKENS[target], "foil_token_ids": [9]},
                }
            )
    return (
        pa.Table.from_pylist(rows, WHOLE_PATCHES.schema),
        pa.Table.from_pylist(pairs, WHOLE_PAIRS.schema),
    )


@pytest.fixture(scope="module")
def numbers():
    return whole_patch_numbers(*tables(), MIN_GAP, Bootstrap(50), 0.1)


def of_part(numbers, length, part):
    [row] = [s for s in numbers["sweeps"] if (s["length"], s["part"]) == (length, part)]
    return row


def test_the_first_token_arrives_and_the_others_are_shown_absent(numbers):
    one, first = of_part(numbers, ONE_TOKEN, WHOLE), of_part(numbers, LONGER, FIRST)
    later, whole = of_part(numbers, LONGER, LATER), of_part(numbers, LONGER, WHOLE)
    assert one["comparison"]["points_above"] == [2, 3, 4]
    assert first["comparison"]["points_above"] == [3, 4]
    assert (first["verdict"], first["half_of_effect"]["half_at"]) == (Verdict.SHOWN, 3)
    assert (later["verdict"], later["within_margin"]) == (Verdict.SHOWN_ABSENT, [0, 1, 2, 3, 4])
    assert whole["comparison"]["points_above"] == []  # the greedy answer never becomes the target
    assert whole["effects"]["paired"]["estimate"][-1] == pytest.approx(
        (15 / 2 + 15 / 3) / 30, abs=1e-3
    )
    per_token = of_part(numbers, LONGER, PER_TOKEN)
    assert per_token["effects"] == whole["effects"]


def test_longer_types_stand_beside_those_of_one_token(numbers):
    [beside] = numbers["beside"]
    assert (beside["n_longer"], beside["n_one_token"]) == (30, 30)
    # Not at the last point, which hands over the first token.
    assert {row["point"]: row["estimate"] for row in beside["points"]} == {2: -1, 3: 0}
    assert beside["verdict"] == Verdict.SHOWN
    [together] = numbers["together"]
    assert together["verdict"] == Verdict.SHOWN and together["difference"] == [-1]


def test_every_token_and_kind_of_target_is_told(numbers):
    assert [
        (row["token"], row["n"], row["estimate"], row["point"]) for row in numbers["tokens"]
    ] == [*[(1, 30, 1, 3), (2, 30, 0, None), (3, 15, 0, None)]]
    kinds = {row["kind"]: row for row in numbers["kinds"]}
    assert list(kinds) == ["array", "generic"]
    assert kinds["array"]["parts"][FIRST]["estimate"] == 1
    assert kinds["array"]["parts"][LATER]["estimate"] == 0


def test_later_tokens_that_come_are_shown():
    found = whole_patch_numbers(*tables(later=0.8), MIN_GAP, Bootstrap(50), 0.1)
    later = of_part(found, LONGER, LATER)
    assert later["verdict"] == Verdict.SHOWN and later["effects"]["paired"]["estimate"][0] == 0.8
    claims = [own.verdict for own in whole_patches_section(found, ROUNDING, 30, 12).findings]
    assert claims == [Verdict.SHOWN] * 3


def test_a_part_without_a_gap_has_no_effect():
    after, before, donor = (np.array(own) for own in ([-2.0, -1.0], [-4.0, -1.0], [-1.0, -1.2]))
    found = regained(after, before, donor, MIN_GAP)
    assert found[0] == pytest.approx(2 / 3) and np.isnan(found[1])


def test_the_section_says_what_arrives(numbers):
    section = whole_patches_section(numbers, ROUNDING, 30, 12)
    first, beside, later = section.findings
    assert (
        "shown at points 3 to 4, of these half of the largest effect first at point 3"
        in first.number
    )
    assert bare_points(section) == []
    assert beside.number == "-1.00 (-1.00 to -1.00) at point 2, the widest gap"
    assert (later.verdict, later.claim) == (
        Verdict.SHOWN_ABSENT,
        "its later tokens arrive with it",
    )
    for table in section.tables:
        assert all(len(row) == len(table.header) for row in table.rows), table.caption
    figure = plot_whole_patches(numbers["sweeps"])
    assert len(figure.axes) == 4


def test_a_study_without_pairs_has_a_section():
    nothing = [kind.schema.empty_table() for kind in (WHOLE_PATCHES, WHOLE_PAIRS)]
    numbers = whole_patch_numbers(*nothing, MIN_GAP, Bootstrap(50), 0.1)
    section = whole_patches_section(numbers, ROUNDING, 30, 12)
    assert section.findings == [] and section.reading == ["No pair was found."]
    plot_whole_patches(numbers["sweeps"])
