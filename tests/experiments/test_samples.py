"""Many samples of a hole: how they are drawn, counted and judged."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch

from fimscope.experiments.samples.numbers import COUNTED
from fimscope.experiments.samples.tables import DRAWN_TYPES, SAMPLED_TYPES, SAMPLES
from fimscope.experiments.whole_types.asking import TypeEnds
from fimscope.inference.batching import BatchRunner
from fimscope.inference.sampling import Branches
from fimscope.parts.store import UNKEPT
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool
from judge_samples import judge_samples
from marked import split_marked
from models import VOCAB, random_model, random_prompts
from sample_types import count_types, sample_completions

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


def test_a_branch_that_is_over_goes_no_further():
    branches = Branches.start(2, 3, [STOP])
    asked = []

    def has_ended(beginnings):
        asked.append(list(beginnings))
        return [tokens[-1] == 4 for _, tokens in beginnings]

    branches.grow(torch.tensor([[3, 3, 4], [4, 5, STOP]]), has_ended)
    assert asked == [[(0, (3,)), (0, (4,)), (1, (4,)), (1, (5,))]]
    assert branches.token_ids.tolist() == [[3], [5]]
    assert branches.ends == {(0, 2): 1, (1, 0): 1}
    branches.grow(torch.tensor([[4, 6, 4], [4, 4, 4]]), has_ended)
    assert asked[1:] == [[(0, (3, 4)), (0, (3, 6)), (1, (5, 4))]]
    assert branches.token_ids.tolist() == [[6], [0]]
    assert branches.ends == {(0, 2): 1, (1, 0): 1, (0, 0): 2, (1, 1): 2}


class Words:
    """An encoder whose token ids are written as types, one of them as the end of a signature."""

    def __init__(self, end):
        self.end = end

    def decode(self, token_ids):
        return "".join(") {" if each == self.end else f"A{each}" for each in token_ids)


OPTIONS = {"n_samples": 12, "max_new_tokens": 6, "temperature": 1.0, "top_p": 0.3, "seed": 5}


@pytest.mark.node
@pytest.mark.model
def test_samples_go_on_until_their_types_end_batched_as_alone():
    from fimscope.inference.sampling import sample

    model, token_ids = random_model("llama"), random_prompts((9, 14))
    prompts = [
        {
            **{"example_id": f"e{i}", "edit": "original", "program_id": "p", "kind": "parameter"},
            **{"gold": "A1", "n_gold_tokens": 1, "token_ids": own},
        }
        for i, own in enumerate(token_ids)
    ]
    runner = BatchRunner(lambda: model, 1000, UNKEPT)
    free = sample(model, token_ids, [1, 2], 12, 6, (), top_p=0.3)
    end = free[0][0].token_ids[2]
    words = Words(end)
    with TypeScript() as typescript:
        ends = TypeEnds(typescript, words)
        found = sample_completions(runner, prompts, OPTIONS, ends)
        assert found == sample_completions(runner, prompts, OPTIONS, TypeEnds(typescript, words))
        alone = [sample_completions(runner, [one], OPTIONS, ends)[0] for one in prompts]
        assert alone == found
        for own in found:
            for tokens, ended in zip(own["token_ids"], own["ended"], strict=True):
                assert ended == (end in tokens) and (ended or len(tokens) == 6)
                assert end not in tokens[:-1]
        rows = count_types(typescript, words, prompts[0], found[0])
        never = sample_completions(runner, prompts, OPTIONS, TypeEnds(typescript, Words(VOCAB)))
        [row] = count_types(typescript, words, prompts[0], never[0])
    assert sum(row["count"] for row in rows) == 12
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)
    assert (row["completed_type"], row["ended"], row["count"]) == ("", False, 12)
    pa.Table.from_pylist(rows, DRAWN_TYPES.schema)


@pytest.mark.node
def test_types_are_counted_as_they_are_spelled():
    prompt = {"example_id": "e", "edit": "original", "program_id": "p", "kind": "parameter"}
    prompt |= {"gold": "string", "n_gold_tokens": 1}
    texts = ["string)", "string, b", " string)", "A[]) {", "A[", ")"]
    encoder = SimpleNamespace(decode=lambda token_ids: texts[token_ids[0]])
    sampled = {
        "token_ids": [[0], [1], [2], [3], [4], [4], [5]],
        "ended": [True, True, True, True, False, False, True],
    }
    with TypeScript() as typescript:
        rows = count_types(typescript, encoder, prompt, sampled)
    found = [(row["completed_type"], row["ended"], row["count"]) for row in rows]
    assert found == [("string", True, 3), ("", False, 2), ("", True, 1), ("A[]", True, 1)]


PROGRAM = "type Id = string;\nexport function f(a: «{gold}»): number {{ return a.length; }}\n"
# gold, then completed type, whether it has ended, how many samples
DRAWN = {
    "string": [
        *(("string", True, 40), ("Id", True, 20), ("string[]", True, 15), ("any", True, 10)),
        *(("number", True, 8), ("", False, 4), ("", True, 3)),
    ],
    "string[]": [("Array<string>", True, 60), ("string [ ]", True, 30), ("boolean", True, 10)],
}


def drawn_rows(drawn):
    variants, rows = {}, []
    for number, (gold, types) in enumerate(drawn.items()):
        prefix, gold, suffix = split_marked(PROGRAM.format(gold=gold))
        key = {"example_id": f"e{number}", "gold": gold}
        variants[key["example_id"]] = {**key, "prefix": prefix, "suffix": suffix}
        rows += [
            {
                **key,
                **{"edit": "original", "program_id": "p", "kind": "parameter"},
                **{"n_gold_tokens": 1 + 2 * number, "completed_type": one},
                **{"ended": ended, "count": n},
            }
            for one, ended, n in types
        ]
    return variants, rows


@pytest.mark.node
def test_every_type_is_judged_once_and_each_of_its_samples_counts():
    with TypeScriptPool(1) as pool:
        found = list(judge_samples(pool, *drawn_rows(DRAWN), "equivalent"))
    first, second = (row for table, row in found if table == "samples")
    names = ("n", *COUNTED, "n_right")
    assert [first[name] for name in names] == [100, 40, 20, 25, 15, 10, 4, 5, 60]
    assert [second[name] for name in names] == [100, 30, 60, 0, 10, 0, 0, 3, 90]
    assert (first["form"], second["form"], second["n_gold_tokens"]) == ("builtin", "array", 3)
    assert (first["pass_at_1"], first["pass_at_100"]) == (pytest.approx(0.6), 1.0)
    types = [row for table, row in found if table == "sampled_types"]
    assert [(row["completed_type"], row["count"], row["verdict"]) for row in types[:4]] == [
        *(("string", 40, "same"), ("Id", 20, "equivalent"), ("string[]", 15, "checks")),
        ("any", 10, "checks"),
    ]
    assert [row["right"] for row in types[7:]] == [True, True, False]
    pa.Table.from_pylist([first, second], SAMPLES.schema)
    pa.Table.from_pylist(
        [{name: row.get(name) for name in SAMPLED_TYPES.schema.names} for row in types],
        SAMPLED_TYPES.schema,
    )


@pytest.mark.node
def test_a_variant_with_a_type_that_cannot_be_judged_is_rejected_whole():
    variants, rows = drawn_rows(DRAWN)
    variants["e0"] |= {"prefix": "const x = ", "suffix": ";"}
    with TypeScriptPool(1) as pool:
        found = list(judge_samples(pool, variants, rows, "same"))
    assert [table for table, _ in found] == ["rejected", "samples", *["sampled_types"] * 3]
    rejected = found[0][1]
    assert (rejected["step"], rejected["example_id"]) == ("judge_samples", "e0")
    assert rejected["reason"] == "hole_moved"
    assert found[1][1]["n_right"] == 30  # `same` alone
