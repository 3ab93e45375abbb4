"""Which algorithm: changes in the text, numbers by hand, algorithms that were taught."""

import itertools
import random
from collections import Counter
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from distractor_row import PREFIX, ROW, SUFFIX
from fimscope.experiments.algorithms.counterfactuals import (
    PLANTERS,
    Sight,
    hide_uses,
    plant_all,
    replaced,
)
from fimscope.experiments.algorithms.hypotheses import HYPOTHESES, LITERALS, READ
from fimscope.experiments.algorithms.names import telling_names
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
from fimscope.prompts.prompt import Unfit
from fimscope.statistics.verdicts import Verdict
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.results import LabelledSpan
from plant_types import algorithm_rows, plant_types
from plot_algorithms import plot_algorithms
from tokenizers_for_tests import byte_tokenizer

WHOLE = f"{PREFIX}<hole>{SUFFIX}"


def sight(typescript, text=WHOLE, answer="string", planted="boolean", own="title"):
    return Sight(typescript, ROW, text, answer, planted, "isOpen", own)


def texts(changes):
    return [changed["prefix"] + "<hole>" + changed["suffix"] for _, _, changed in changes]


@pytest.mark.node
def test_the_nearest_annotation_and_the_next_nearest_become_another_type(typescript):
    changed, control = texts(PLANTERS["nearest"](sight(typescript)))
    assert changed == WHOLE.replace("width: number = 2", "width: boolean = 2")
    assert control == WHOLE.replace("= 2): string", "= 2): boolean")


@pytest.mark.node
def test_annotations_that_read_like_the_answer_become_another_type(typescript):
    changed, control = texts(PLANTERS["alike"](sight(typescript)))
    assert changed == WHOLE.replace(": string", ": boolean")
    assert control.count(": string") == 2
    assert control.count(": boolean") == 2
    with pytest.raises(Unfit, match="read like the answer"):
        PLANTERS["alike"](sight(typescript, answer="bigint"))


@pytest.mark.node
def test_the_holes_name_changes_and_in_the_control_another_variable(typescript):
    (old, new, changed), (other, same, _) = changes = PLANTERS["name"](sight(typescript))
    assert (old, new, other, same) == ("text", "isOpen", "first", "isOpen")
    text, control = texts(changes)
    assert text == WHOLE.replace("pad(text", "pad(isOpen").replace("= text.", "= isOpen.")
    assert control == WHOLE.replace("first", "isOpen")
    assert changed["name"] == "isOpen"
    assert changed["prefix"][changed["name_start"] :].startswith("isOpen: ")


@pytest.mark.node
def test_the_type_of_a_name_is_held_against_a_name_of_the_answers_own_type(typescript):
    (old, new, changed), (_, same, other) = PLANTERS["type_of_name"](sight(typescript))
    assert (old, new, same) == ("text", "isOpen", "title")
    assert changed["prefix"] == other["prefix"].replace("title", "isOpen")
    assert changed["suffix"] == other["suffix"].replace("title", "isOpen")
    with pytest.raises(Unfit, match="none of string new"):
        PLANTERS["type_of_name"](sight(typescript, own=None))


@pytest.mark.node
def test_values_of_the_hole_and_others_become_a_value_of_the_type(typescript):
    prefix, suffix = "const a = 1, b = [2];\nfunction f(x: ", " = 3) { return x; }\nf();"
    row = {**ROW, "prefix": prefix, "suffix": suffix, "name": "x", "gold": "number"}
    row["name_start"] = prefix.index("x:")
    seen = Sight(typescript, row, f"{prefix}<hole>{suffix}", "number", "boolean", None, None)
    changed, control = texts(PLANTERS["values"](seen))
    assert changed == f"{prefix}<hole>{suffix.replace('3', 'true')}"
    assert control == f"{prefix}<hole>{suffix.replace('return x', 'return true')}"
    prefix, suffix = "function f(): ", " { const g = () => { return 1; }; return 2; }"
    row = {**row, "prefix": prefix, "suffix": suffix, "name": "f", "kind": "return"}
    row["name_start"] = prefix.index("f(")
    seen = Sight(typescript, row, f"{prefix}<hole>{suffix}", "string", "boolean", None, None)
    changed, control = texts(PLANTERS["values"](seen))
    assert changed == f"{prefix}<hole>{suffix.replace('2', 'true')}"
    assert control == f"{prefix}<hole>{suffix.replace('() => { return 1; }', 'true')}"


@pytest.mark.node
def test_only_what_the_prompt_shows_is_changed(typescript):
    start = WHOLE.index("export function pad")
    narrow = sight(typescript, WHOLE[start : WHOLE.index(" {\n  const filled")])
    assert [narrow.text_of(span) for span in narrow.annotations] == ["number", "string"]
    own = PREFIX[PREFIX.index("/* what") :].rstrip()
    javascript = sight(typescript, f"// JavaScript\n...\n{own}")
    assert javascript.annotations == []
    wide = sight(typescript, f"// JavaScript\n...\n{PREFIX.rstrip()}")
    assert [wide.text_of(span) for span in wide.annotations] == ["number"]


def test_a_change_moves_the_place_of_the_name():
    row = {"prefix": "a b name: ", "suffix": " name", "name": "name", "name_start": 4}
    spans = [LabelledSpan("", "prefix", 0, 1), LabelledSpan("", "suffix", 1, 5)]
    assert replaced(row, spans, "long") == {
        **{"prefix": "long b name: ", "suffix": " long", "name": "name", "name_start": 7}
    }
    [own] = [LabelledSpan("", "prefix", 4, 8)]
    assert replaced(row, [own], "x") == {**row, "prefix": "a b x: ", "name": "x"}


def test_one_token_of_a_name_that_is_hidden_is_one():
    kinds = ["rest", "use", "rest", "rest", "last"]
    regions = [{"kind": kind, "start": i, "end": i + 1} for i, kind in enumerate(kinds)]
    prompt = {"example_id": "e", "token_ids": [0] * 5, "regions": regions}
    own, control = hide_uses({**prompt, "variant": {"name": "text"}}, "uses", 0)
    assert (own["old"], control["old"]) == ("1 token of text", "1 other token")
    assert own["hidden"] == [1] and len(control["hidden"]) == 1


def test_telling_names_are_those_that_the_model_is_right_with():
    def row(example_id, name, gold, package="p", kind="parameter"):
        own = {"example_id": example_id, "program_id": example_id, "name": name, "gold": gold}
        return {**own, "package": package, "kind": kind}

    rows = [
        *(row(f"a{i}", "text", "string") for i in range(3)),
        *(row(f"b{i}", "value", gold) for i, gold in enumerate(["string", "number"])),
        *(row(f"c{i}", "title", "string", "q") for i in range(2)),
        row("d", "seen", "boolean"),
        row("e", "n", "number", "q"),
        row("f", "{a}", "number", "q"),
    ]
    right = {"a0", "c0", "c1", "b0", "d", "e", "f"}
    assert telling_names(rows, right, 1) == {
        "parameter": {"string": ["title", "text"], "number": ["n"]}
    }
    # A name of one program is not planted; its type may be, as an annotation.
    assert telling_names(rows, right, 2) == {
        "parameter": {"string": ["title", "text"], "number": []}
    }
    for each in rows:
        each["program_id"] = each["name"]  # however many holes of one program
    assert telling_names(rows, right, 2) == {"parameter": {"string": [], "number": []}}


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
    section = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), [])
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
    [table, *_] = algorithms_section(numbers, []).tables
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
        "lowest": {"planted": "a", "estimate": 0.0},
        "highest": {"planted": "b", "estimate": 1.0},
    }
    [sentence, *_] = algorithms_section(numbers, []).reading
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
    [finding] = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), []).findings
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
    section = algorithms_section(algorithm_numbers([made_table(rows)], 0.03), shown)
    assert "`a¦'b'` becomes `c0`" in section.tables[-1].rows[0]
    empty = algorithms_section(algorithm_numbers([made_table([])], 0.03), [])
    assert empty.reading == ["No example has a change and its control."]


# Algorithms that were taught ---------------------------------------------------------------------

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
    table = made_table(list(algorithm_rows(asked, answers)))
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
        algorithms_section(numbers, shown_examples(table)).reading
    )


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
