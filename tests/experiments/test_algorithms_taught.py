"""Algorithms that tiny models were taught are found."""

import random
from collections import Counter
from functools import partial

import pyarrow as pa
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from fimscope.experiments.algorithms.counterfactuals import (
    plant_all,
)
from fimscope.experiments.algorithms.hypotheses import HYPOTHESES, LITERALS, READ
from fimscope.experiments.algorithms.numbers import algorithm_numbers, shown_examples
from fimscope.experiments.algorithms.section import algorithms_section
from fimscope.experiments.algorithms.tables import ALGORITHMS
from fimscope.experiments.branched import ask_branches
from fimscope.inference.batching import BatchRunner
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.statistics.verdicts import Verdict
from fimscope.typescript.pool import TypeScriptPool
from plant_types import algorithm_rows, plant_types
from tokenizers_for_tests import byte_tokenizer

TYPES = {
    "string": ("title", "label"),
    "number": ("count", "size"),
    "boolean": ("ready", "open"),
    "bigint": ("big", "huge"),
}
NAMES = [name for names in TYPES.values() for name in names]
TYPE_OF = {name: gold for gold, names in TYPES.items() for name in names}


def program(names, types):
    first, second, name = names
    prefix = f"function f({first}: {types[0]}, {second}: {types[1]}, {name}: "
    return prefix, f"): {types[2]} {{\n  return [{second}, {name}, {first}];\n}}\n"


def draw_programs(n, seed):
    generator = random.Random(seed)
    return [
        (generator.sample(NAMES, 3), [generator.choice([*TYPES]) for _ in range(3)])
        for _ in range(n)
    ]


RULES = {  # what is taught: the type that a program's hole gets
    "nearest": lambda names, types: types[2],
    "name": lambda names, types: TYPE_OF[names[2]],
}


@pytest.fixture(scope="module")
def encoder():
    texts = ["".join(program(*drawn)) for drawn in draw_programs(60, 1)]
    return Encoder(byte_tokenizer([*texts, *NAMES, *TYPES] * 2, 700))


def token_ids(encoder, drawn):
    before, after = program(*drawn)
    fim = [encoder.token_id(f"<fim_{part}>") for part in ("prefix", "suffix", "middle")]
    return [fim[0], *encoder.encode(before).ids, fim[1], *encoder.encode(after).ids, fim[2]]


def taught(encoder, rule):
    """A network of one block that answers by a rule, with programs that it was not taught too."""
    torch.manual_seed(0)
    size = max(encoder.text_ids()) + 1
    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=size, n_positions=80, n_embd=32, n_head=2, n_layer=1,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    drawn = draw_programs(2048, 2)
    ids = [token_ids(encoder, each) for each in drawn]
    assert len(set(map(len, ids))) == 1  # names and types are a token each
    prompts = torch.tensor(ids)
    golds = torch.tensor([encoder.encode(rule(*each)).ids[0] for each in drawn])
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.1)
    for step in range(160):
        rows = torch.arange(64) + 64 * (step % 32)
        hidden = network.transformer(prompts[rows]).last_hidden_state[:, -1]
        loss = torch.nn.functional.cross_entropy(network.lm_head(hidden), golds[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return wrap_network(network.eval(), FAMILIES["gpt2"])


@pytest.fixture(scope="module")
def pool():
    with TypeScriptPool(1) as pool:
        yield pool


def recipients_of(encoder, model_answer, pool):
    make = partial(PromptMaker, FORMATS["fim"], encoder, max_tokens=80, golds="single_token")
    rows = []
    for i, (names, types) in enumerate(draw_programs(28, 3)):
        prefix, suffix = program(names, types)
        gold = TYPE_OF[names[2]]
        row = {
            **{"example_id": f"e{i}", "edit": "original", "program_id": f"p{i}", "package": "q"},
            **{"path": "q.ts", "kind": "parameter", "name": names[2], "gold": gold},
            **{"prefix": prefix, "suffix": suffix, "name_start": prefix.rindex(names[2])},
        }
        [prompt] = pool.map(lambda service, own: make(typescript=service).make(own, own), [row])
        prompt = vars(prompt)
        answer = model_answer(names, types)
        prompt = {**prompt, "regions": [vars(region) for region in prompt["regions"]]}
        outcome = "right" if answer == gold else "wrong"
        rows.append(
            {**row, **prompt, "original": row, "variant": row, "answer": answer, "outcome": outcome}
        )
    return make, rows


@pytest.mark.node
def test_a_value_is_planted_where_no_telling_name_is_of_a_type_that_has_one(encoder, pool):
    prefix, suffix = "function f(count = 1, title: ", ' = "") {\n  return title;\n}\n'
    row = {
        **{"example_id": "e", "edit": "original", "program_id": "p", "package": "q"},
        **{"path": "q.ts", "kind": "parameter", "name": "title", "gold": "string"},
        **{"prefix": prefix, "suffix": suffix, "name_start": prefix.index("title")},
    }
    names = {"parameter": {"Name": ("label",)}}

    def plant(service, own):
        maker = PromptMaker(
            FORMATS["fim"], encoder, max_tokens=80, golds="single_token", typescript=service
        )
        prompt = {**row, **vars(maker.make(own, own)), "original": own, "variant": own}
        prompt["regions"] = [vars(region) for region in prompt["regions"]]
        return list(plant_all(maker, {**prompt, "answer": "number"}, names, 0))

    [rows] = pool.map(plant, [row])
    values = [each for each in rows if each["hypothesis"] == "values"]
    assert [each.get("reason") for each in values] == [None, None]
    assert {each["planted"] for each in values} <= LITERALS.keys() - {"number", "string"}
    assert all(each["new"] == LITERALS[each["planted"]] for each in values)
    named = [each for each in rows if each["hypothesis"] == "type_of_name"]
    assert all(each.get("planted", "Name") == "Name" for each in named)


@pytest.mark.node
def test_without_a_telling_name_types_are_planted_and_what_is_left_out_says_why(encoder, pool):
    names = {"parameter": {"bigint": (), "boolean": ()}}
    make, recipients = recipients_of(encoder, RULES["nearest"], pool)
    asked, rejected = plant_types(pool, make, recipients, names, 0, UNKEPT)
    assert {"nearest"} <= {row["hypothesis"] for row in asked} <= {"nearest", "alike", "uses"}
    reasons = Counter(row["reason"] for row in rejected)
    assert reasons["no_telling_name"] == 2 * 2 * len(recipients)


@pytest.mark.node
def test_each_of_the_names_that_tell_a_type_is_planted(encoder, pool):
    """And the same one for `name` and for `type_of_name`."""
    make, recipients = recipients_of(encoder, RULES["name"], pool)
    asked, _ = plant_types(pool, make, recipients, {"parameter": TYPES}, 0, UNKEPT)
    planted = {
        hypothesis: {
            row["example_id"]: row["new"]
            for row in asked
            if row["hypothesis"] == hypothesis and not row["is_control"]
        }
        for hypothesis in ("name", "type_of_name")
    }
    assert len(set(planted["name"].values())) > len(TYPES)
    shared = planted["name"].keys() & planted["type_of_name"]
    assert shared and all(planted["name"][own] == planted["type_of_name"][own] for own in shared)


@pytest.mark.node
@pytest.mark.model
@pytest.mark.parametrize("algorithm", RULES)
def test_a_taught_algorithm_is_found(encoder, pool, algorithm):
    model = taught(encoder, RULES[algorithm])
    make, recipients = recipients_of(encoder, RULES[algorithm], pool)
    asked, _ = plant_types(pool, make, recipients, {"parameter": TYPES}, 0, UNKEPT)
    runner = BatchRunner(lambda: model, 4096, UNKEPT)
    answers = ask_branches(runner, recipients, asked, encoder, 4, "planted")
    table = pa.Table.from_pylist(list(algorithm_rows(asked, answers)), ALGORITHMS.schema)
    numbers = algorithm_numbers([table], 0.1)
    found = {row["hypothesis"]: row for row in numbers["changes"] if row["outcome"] == "all"}
    own = found[algorithm]
    assert own["n"] >= 24
    assert own["follows"]["rate"]["estimate"] > 0.9
    assert own["follows"]["over_control"]["verdict"] is Verdict.SHOWN
    assert own["moved"]["control"]["estimate"] < 0.1
    [other] = set(RULES) - {algorithm}
    assert found[other]["moved"]["rate"]["estimate"] < 0.1
    [explained] = [row for row in numbers["explained"] if row["outcome"] == "all"]
    assert explained["shares"]["none of them"]["estimate"] < 0.1
    assert explained["shares"][other]["estimate"] < 0.1
    assert set(found) <= set(HYPOTHESES)
    assert f"shown that an answer hangs on {READ[algorithm]}" in " ".join(
        algorithms_section(numbers, shown_examples(table), 1).reading
    )
