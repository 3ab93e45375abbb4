"""The replication: what is fitted, chosen and counted, by hand; what is steered, by plain hooks."""

import numpy as np
import pytest
import torch
import yaml

from fimscope.experiments.replication.numbers import adjust_edits, edit_numbers, published_numbers
from fimscope.experiments.replication.protocol import (
    MAIN,
    balance,
    best_window,
    block_windows,
    find_broken,
    published_window,
    replication_vectors,
)
from fimscope.experiments.replication.section import replication_section
from fimscope.experiments.steer.steered import Steered
from fimscope.experiments.steer.vectors import VectorSet, mean_norms, vector_rows
from fimscope.inference.batching import BatchRunner
from fimscope.models.prepared import Prepared
from fimscope.parts.store import PartStore
from fimscope.prompts.encoder import Encoder
from fimscope.typescript.edit_names import canonical_edit
from models import VOCAB, alone_logits, random_model, random_prompts
from pages import ROOT
from replicate_codetrace import last_residuals, recipients_of, replicate_codetrace
from tokenizers_for_tests import byte_tokenizer

PUBLISHED = yaml.safe_load((ROOT / "config/published/codetrace.yaml").read_text())


def test_the_published_window_is_behind_blocks_10_to_14_or_as_deep():
    assert published_window(24) == (11, 12, 13, 14, 15)
    assert published_window(48) == tuple(range(21, 31))
    assert published_window(3) == (2,)
    assert published_window(1) == (1,)


def test_windows_are_of_adjacent_blocks_and_hold_the_published_one():
    assert block_windows(3, [2, 1]) == [(1,), (2,), (3,), (1, 2), (2, 3)]
    assert len(block_windows(24, [1, 3, 5])) == 24 + 22 + 20
    assert block_windows(24, [1])[-1] == published_window(24)
    assert block_windows(2, [3]) == [published_window(2)]


def test_the_published_figures_are_those_of_the_edits_of_the_preset():
    preset = yaml.safe_load((ROOT / "config/replicate-codetrace.yaml").read_text())
    edits = [row["edit"] for row in PUBLISHED["edits"]]
    assert sorted(edits) == sorted(map(canonical_edit, preset["edits"]))
    assert preset["model"]["sources"][0]["hub"] == PUBLISHED["hub"]
    shares = {row["name"]: published_numbers(row) for row in PUBLISHED["edits"]}
    assert shares["rename types"] == {"n": 457, "steered": 0.748359, "random": 0.107221}
    assert shares["rename vars"] == {"n": 539, "steered": 0.289425, "random": 0.25603}


def prediction(example, gold_id, predicted_id):
    correct = gold_id == predicted_id
    tokens = {"gold_token_id": gold_id, "predicted_token_id": predicted_id}
    return {"example_id": example, "program_id": example[0], "correct": correct, **tokens}


def test_broken_is_what_was_right_and_starts_otherwise_now():
    before = {e: prediction(e, 5, p) for e, p in {"a": 5, "b": 6, "c": 5, "d": 5}.items()}
    after = [prediction(e, 5, p) for e, p in {"a": 6, "b": 6, "c": 5, "d": 7}.items()]
    found = find_broken(before, after, {"a": "fit", "b": "fit", "c": "test", "d": "test"})
    assert {name: [r["example_id"] for r in rows] for name, rows in found.items()} == {
        "fit": ["a"],
        "select": [],
        "test": ["d"],
    }


def test_at_most_25_of_a_type_whatever_else_there_is():
    rows = [{"example_id": f"s{i}", "gold": "string"} for i in range(40)]
    rows += [{"example_id": f"n{i}", "gold": "number"} for i in range(3)]
    kept = balance(rows, 100, 0)
    assert [sum(r["gold"] == gold for r in kept) for gold in ("string", "number")] == [25, 3]
    assert kept == [row for row in rows if row in kept]
    assert balance([row for row in rows if row["gold"] == "string"], 100, 0) == kept[:25]
    assert len(balance(rows, 7, 0)) == 7


def test_random_vectors_are_as_long_as_the_mean_difference_and_the_published_one_is_not():
    # [pair, point, d_model]: means (1, 0) and (0, 6)
    differences = np.array([[[2, 0], [0, 4]], [[0, 0], [0, 8]]], dtype=np.float32)
    found = {v.name: v for v in replication_vectors(differences, ["A", "B"], 3, 0)}
    assert found[MAIN].values.tolist() == [[1, 0], [0, 6]]
    assert (found[MAIN].n_pairs, found[MAIN].n_programs) == (2, 2)
    for name in ("random/000", "random/002"):
        np.testing.assert_allclose(np.linalg.norm(found[name].values, axis=1), [1, 6], rtol=1e-5)
    assert found["uniform"].values.min() >= 0
    assert found["uniform"].values.max() < 1
    assert replication_vectors(differences[:0], [], 3, 0) == []


def result(example, kind, points, to_gold, group="test", vector=None):
    keys = {"example_id": example, "program_id": example[0], "group": group, "kind": kind}
    return {**keys, "vector": vector or kind, "points": points, "to_gold": to_gold}


def test_the_best_window_mends_most_and_of_equal_ones_is_the_narrowest_and_first():
    rows = [result("A", MAIN, points, True) for points in ([2, 3], [3], [1])]
    rows += [result("B", MAIN, [2, 3], False), result("B", "random", [3], True)]
    assert best_window(rows) == (1,)
    assert best_window([*rows, result("C", MAIN, [2, 3], True)]) == (2, 3)
    assert best_window([result("A", "none", [], False)]) is None


def results():
    """Blocks 0 and 1: on `select` block 1 is best; of test's four it mends A1, A2 and B1."""
    rows = [result("S1", "none", [], False, "select")]
    rows += [result("S1", MAIN, [point], point == 2, "select") for point in (1, 2)]
    for i, example in enumerate(("A1", "A2", "B1", "C1")):
        rows += [
            result(example, "none", [], False),
            result(example, MAIN, [1], True),
            result(example, MAIN, [2], i < 3),
            result(example, "uniform", [1], i == 0),
            result(example, "uniform", [2], False),
        ]
        # of 19 random vectors one mends three, the others none
        rows += [result(example, "random", [2], n < 1 and i < 3, vector=f"r{n}") for n in range(19)]
    return rows


def vectors_of(rows):
    keys = ("name", "point", "norm", "n_pairs", "n_programs")
    return [dict(zip(keys, row, strict=True)) for row in rows]


VECTORS = vectors_of([(MAIN, 1, 1.0, 7, 6), (MAIN, 2, 2.0, 7, 6), ("uniform", 2, 5.0, 0, 0)])


def test_numbers_worked_out_by_hand():
    known = {"n_broken": 10, "n_steered": 6, "n_random": 1}
    found = edit_numbers(results(), VECTORS, known, (2,))
    assert found["published"] == {"n": 10, "steered": 0.6, "random": 0.1}
    assert (found["n_pairs"], found["n_pair_programs"]) == (7, 6)
    assert found["n_used"] == {"select": 1, "test": 4}
    assert found["uniform_length"] == 2.5
    assert (found[MAIN]["estimate"], found[MAIN]["n"], found[MAIN]["n_programs"]) == (0.75, 4, 3)
    assert found["uniform"]["estimate"] == 0
    assert found["random"]["estimate"] == pytest.approx(3 / 4 / 19, abs=1e-6)
    [curve] = found["curves"]
    assert (curve["width"], curve["first_block"]) == (1, [0, 1])
    assert curve[MAIN]["estimate"] == [1, 0.75]
    assert curve["uniform"]["estimate"] == [0.25, 0]
    # the best of test would claim 100%; the one chosen on select gives 75%
    assert found["best_on_test"] == {"points": [1], "estimate": 1}
    chosen = found["chosen"]
    assert (chosen["points"], chosen[MAIN]["estimate"]) == ([2], 0.75)
    assert (chosen["n_vectors"], chosen["n_as_good"]) == (19, 1)
    assert chosen["p"] == pytest.approx(2 / 20)


def section_of(edits, is_published=False):
    adjust_edits(edits)
    return replication_section(edits, PUBLISHED["model"], is_published)


def test_the_section_says_what_was_found_and_what_was_not():
    known = {"n_broken": 10, "n_steered": 6, "n_random": 1}
    counts = {"n_broken": {"fit": 9, "select": 1, "test": 5}}
    one = {"name": "one", **counts, **edit_numbers(results(), VECTORS, known, (2,))}
    none = {"name": "none", **counts, **edit_numbers([], [], None, (2,))}
    section = section_of({"a": one, "b": none})
    text = " ".join(section.reading)
    assert "not StarCoderBase-1b" in text
    assert "At block 1 steering mends 75.0%" in text
    assert "in the interval" not in text  # of another model's figures
    published = " ".join(section_of({"a": one, "b": none}, is_published=True).reading)
    assert "not StarCoderBase-1b" not in published
    assert "the published share lies in the interval for 1 of 1 edit." in published
    assert "2.5 times as long" in text
    # p = 0.1, of 19 vectors
    assert "for 0 of 1 edit (p < 0.05, Holm; the least p that 19 vectors can give is 0.05)" in text
    assert "25.0 points more" in text
    assert "Under `b` there are no broken examples" in text
    published, sound = section.tables
    assert published.rows[0][:6] == ["one", "10", "60.0%", "10.0%", "7 (6)", "4 (3)"]
    assert published.rows[1][1:] == ["", "", "", "0 (0)", "0", "", "", ""]
    assert sound.rows[0][1:3] == ["7/9, 1/1, 4/5", "block 1"]


def test_a_section_where_nothing_is_broken():
    empty = {"name": "x", "n_broken": dict.fromkeys(("fit", "select", "test"), 0)}
    section = section_of({"x": {**empty, **edit_numbers([], [], None, (2,))}}, True)
    assert len(section.reading) == 1
    assert "no broken examples" in section.reading[0]


def test_without_a_broken_example_on_select_nothing_is_chosen():
    rows = [row for row in results() if row["group"] == "test"]
    numbers = edit_numbers(rows, VECTORS, None, (2,))
    assert numbers["chosen"] is None
    counts = {"name": "x", "n_broken": {"fit": 9, "select": 0, "test": 5}}
    text = " ".join(section_of({"x": {**counts, **numbers}}).reading)
    assert "`select` has no broken example" in text


@pytest.mark.model
def test_what_is_steered_leaves_the_blocks_as_a_hook_on_their_output_would_have_it(tmp_path):
    model, prompts = random_model("gpt_bigcode"), random_prompts()
    store = PartStore(tmp_path, None, {"step": "replicate_codetrace"})
    runner = BatchRunner(lambda: model, 64, store)
    residuals = last_residuals(runner, prompts, (4, 32))
    assert residuals.shape == (len(prompts), 4, 32)
    vectors = VectorSet(
        replication_vectors(residuals[:2] - residuals[2:4], ["A", "B"], 2, 0),
        mean_norms(residuals),
    )
    broken = [prediction(str(i), 4, 9) for i in range(len(prompts))]
    keys = {"edit": "rename_vars", "program_id": "x", "gold": "string"}
    rows = {
        str(i): {**keys, "example_id": str(i), "token_ids": ids} for i, ids in enumerate(prompts)
    }
    prepared = Prepared(tmp_path, {}, None, "gpt_bigcode", 3, 32, 4, VOCAB, 64, False, {})
    encoder = Encoder(byte_tokenizer(["let a"]))
    steered = Steered(runner, prepared, encoder, vectors)
    recipients = {
        "select": recipients_of(broken[:2], rows, "select"),
        "test": recipients_of(broken[2:], rows, "test"),
    }
    found = replicate_codetrace(steered, recipients, [1, 2])
    assert replicate_codetrace(steered, recipients, [1, 2]) == found  # from the finished parts
    tried = {(r["group"], r["kind"], len(r["points"])) for r in found}
    assert tried >= {("select", MAIN, 1), ("test", "uniform", 2), ("test", "none", 0)}
    assert ("select", "uniform", 1) not in tried
    assert len({r["vector"] for r in found if r["kind"] == "random"}) == 2
    for row in found[:: max(1, len(found) // 60)]:
        if row["kind"] != "none":
            added = torch.from_numpy(vectors.by_name[row["vector"]].values)
            plain = hooked(model, prompts[int(row["example_id"])], row["points"], added)
            assert row["predicted_token_id"] == int(plain.argmax())
            expected = float(plain.log_softmax(-1)[4])
            assert row["gold_logprob"] == pytest.approx(expected, abs=1e-3)
    steps = [row for row in vector_rows(vectors) if row["name"] == MAIN]
    assert [row["n_pairs"] for row in steps] == [2] * 4


def hooked(model, prompt, points, added):
    """Logits of the bare network whose blocks give the last token a vector more; point p is what
    leaves block p - 1."""

    def adds(vector):
        def hook(_, __, output):
            hidden = (output[0] if isinstance(output, tuple) else output).clone()
            hidden[:, -1] += vector
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return hook

    blocks = model.network.get_submodule(model.family.blocks)
    handles = [blocks[p - 1].register_forward_hook(adds(added[p])) for p in points]
    try:
        return alone_logits(model.network, prompt)[-1]
    finally:
        for handle in handles:
            handle.remove()
