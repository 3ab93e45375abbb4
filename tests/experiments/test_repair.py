"""Repairs by algorithm: what is taken out by hand, and networks whose algorithm was built in."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from fimscope.experiments.repair.copies import copied_tokens, random_heads, rank_heads
from fimscope.experiments.repair.names import (
    PLANTED,
    RENAMED,
    planted_pairs,
    renamed_pairs,
    taken_out,
)
from fimscope.experiments.repair.numbers import repair_numbers
from fimscope.experiments.repair.repaired import best_setting, draw_most, outcome_of
from fimscope.experiments.repair.section import repair_section, say_repairs
from fimscope.experiments.repair.tables import REPAIR_COPIES, REPAIR_HEADS, REPAIR_NAMES
from fimscope.experiments.subspace.bases import Part, fit_space
from fimscope.inference.batching import BatchRunner
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from fimscope.report.findings import finding_lines
from fimscope.report.format import points_changed
from plot_repair import plot_repair
from repair_copies import copying_recipients, hide_copies, repair_copies, ways_of_select
from repair_names import fit_names, points_at, ranks_in, write_over
from tokenizers_for_tests import byte_tokenizer

TYPES = ("string", "number", "boolean", "bigint")


def regions(*spans):
    return [{"kind": kind, "start": start, "end": end} for kind, start, end in spans]


def test_what_reads_like_the_answer_is_copied_and_others_are_as_far_away():
    texts = ["x", "Map<", "a>", "y", "number", "z", "Map<", "b>", "Map<", "a>", "end"]
    spans = [("annotation", 1, 3), ("annotation", 4, 5), ("annotation", 6, 8)]
    row = {
        "token_ids": list(range(11)),
        "regions": regions(("rest", 0, 1), *spans, ("annotation", 8, 10), ("rest", 10, 11)),
    }

    def decode(ids):
        return " ".join(texts[i] for i in ids)

    assert copied_tokens(row, "Map<a>", decode) == ([1, 2, 8, 9], [4, 6, 7])
    assert copied_tokens(row, "number", decode) == ([4], [1, 2])
    assert copied_tokens(row, "string", decode) == ([], [])
    alone = {**row, "regions": regions(("annotation", 4, 5))}
    assert copied_tokens(alone, "number", decode) == ([4], [])


def test_heads_are_ranked_by_their_mean_weight_and_random_ones_are_others():
    heads = [(0, 0), (0, 1), (1, 0), (1, 1)]
    ranked = rank_heads([[0.1, 0.5, 0.1, 0.0], [0.3, 0.7, 0.1, 0.0]], heads)
    assert [(row["block"], row["head"]) for row in ranked] == [(0, 1), (0, 0), (1, 0), (1, 1)]
    assert ranked[0]["weight"] == pytest.approx(0.6) and ranked[0]["n"] == 2
    assert set(random_heads(heads, 2, 0, 7)) == {(1, 0), (1, 1)}
    assert random_heads(heads, 1, 0, 7) == random_heads(heads, 1, 0, 7)
    assert len(set(random_heads(heads, 3, 1, 7))) == 3


def test_answers_that_the_first_token_does_not_tell_are_left_out():
    def row(correct, predicted):
        return {"correct": correct, "predicted_token_id": predicted, "gold_token_id": 3}

    assert outcome_of(row(True, 3)) == "right"
    assert outcome_of(row(False, 4)) == "wrong"
    assert outcome_of(row(False, 3)) is outcome_of(row(True, 4)) is None


def test_the_best_setting_has_the_greatest_net_then_the_greatest_rise_then_is_the_least():
    def row(setting, outcome, to_gold, logprob=-1.0, way="found"):
        own = {"n_heads": setting, "outcome": outcome, "to_gold": to_gold, "way": way}
        return {**own, "gold_logprob": logprob}

    def best(rows):
        return best_setting(rows, lambda row: row["n_heads"])

    one = [row(1, "wrong", False, -2.0), row(1, "right", True)]
    two = [row(2, "wrong", True), row(2, "right", False)]
    assert best([]) is best([row(1, "wrong", True, way="random")]) is None
    assert best(one + two) == 2  # the net of both is 0
    assert best([*one, *two, row(3, "wrong", True), row(3, "right", True)]) == 3
    assert best([*two, row(1, "wrong", True), row(1, "right", False)]) == 1


def test_of_each_group_edit_and_outcome_so_many_are_drawn():
    rows = [
        {"example_id": f"e{i}", "edit": edit, "group": "test", "outcome": outcome}
        for i in range(9)
        for edit, outcome in (("original", "right"), ("rename_vars", "wrong"))
    ]
    drawn = draw_most(rows, 4, 0)
    assert len(drawn) == 8
    # A pair stays one.
    right, wrong = (
        {r["example_id"] for r in drawn if r["outcome"] == o} for o in ("right", "wrong")
    )
    assert right == wrong


# Networks with an algorithm that was built in ----------------------------------------------------

WIDTH, HALF = 32, 16
ANNOTATION, NAME, LAST, SINK, FILL, CONTENT = 0, 1, 2, 3, 4, 5  # features; a content for each type
N_NAMES = 8  # of each type


@pytest.fixture(scope="module")
def encoder():
    return Encoder(byte_tokenizer([*TYPES, "a b c d e"] * 2, 400))


def feature(number):
    """[WIDTH], of mean 0, so that a layer norm leaves it but for its length."""
    vector = torch.zeros(WIDTH)
    vector[number], vector[number + HALF] = 1, -1
    return vector


def token_of(encoder, text):
    [token] = encoder.encode(text).ids
    return token


def built(encoder, of_annotation, of_name):
    """Two blocks, of which the second adds nothing: in the first, head 0 brings the types of all
    annotations to the last token, head 1 that of the name, with these weights."""
    size = max(encoder.text_ids()) + 1
    first_name = size
    config = GPT2Config(
        vocab_size=size + len(TYPES) * N_NAMES + 3, n_positions=16, n_embd=WIDTH, n_head=2,
        n_layer=2, tie_word_embeddings=False, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    network = GPT2LMHeadModel(config).eval()
    tokens = {"last": size + len(TYPES) * N_NAMES, "names": first_name}
    tokens |= {"sink": tokens["last"] + 1, "fill": tokens["last"] + 2}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "ln_" not in name:
                weight.zero_()
        embedding = network.transformer.wte.weight
        for i, text in enumerate(TYPES):
            embedding[token_of(encoder, text)] = feature(ANNOTATION) + feature(CONTENT + i)
            for j in range(N_NAMES):
                own = torch.randn(4, generator=generator) * 0.1
                noise = sum(x * feature(CONTENT + 4 + k) for k, x in enumerate(own))
                embedding[first_name + N_NAMES * i + j] = (
                    feature(NAME) + feature(CONTENT + i) + noise
                )
            network.lm_head.weight[token_of(encoder, text)] = feature(CONTENT + i)
        embedding[tokens["last"]] = feature(LAST) + feature(FILL)
        embedding[tokens["sink"]] = feature(SINK) + feature(FILL)
        embedding[tokens["fill"]] = feature(FILL) + feature(CONTENT + 8)
        attention = network.transformer.h[0].attn
        query, key, value = attention.c_attn.weight.split(WIDTH, dim=1)
        for head, (reads, weight) in enumerate(((ANNOTATION, of_annotation), (NAME, of_name))):
            start = HALF * head
            query[LAST, start] = 5
            key[reads, start], key[SINK, start] = 1, 0.5
            for i in range(len(TYPES)):
                value[CONTENT + i, start + 1 + i] = 1
                attention.c_proj.weight[start + 1 + i] = weight * feature(CONTENT + i)
    return wrap_network(network, FAMILIES["gpt2"]), tokens


def prompt_row(encoder, tokens, number, annotated, named, gold, answer, edit="original"):
    """A prompt that shows annotations, then a name of some type, as rows of both tables."""
    types = [token_of(encoder, TYPES[i]) for i in annotated]
    name = tokens["names"] + N_NAMES * named + number % N_NAMES
    ids = [tokens["sink"], *types, tokens["fill"], name, tokens["last"]]
    at = len(types) + 2
    shown = [("annotation", 1 + i, 2 + i) for i in range(len(types))]
    return {
        **{"example_id": f"e{number:02}", "edit": edit, "program_id": f"p{number}"},
        **{"gold": TYPES[gold], "gold_token_id": token_of(encoder, TYPES[gold])},
        **{"predicted": TYPES[answer], "predicted_token_id": token_of(encoder, TYPES[answer])},
        **{"correct": gold == answer, "token_ids": ids},
        "regions": regions(
            ("fim", 0, 1), *shown, ("rest", at - 1, at), ("declaration", at, at + 1)
        ),
    }


def runner_of(model):
    return BatchRunner(lambda: model, 64, UNKEPT)


def numbers_of(copies, names=(), heads=()):
    tables = [
        pa.Table.from_pylist(list(rows), table.schema)
        for rows, table in ((copies, REPAIR_COPIES), (names, REPAIR_NAMES))
    ]
    return repair_numbers(tables, pa.Table.from_pylist(list(heads), REPAIR_HEADS.schema), 0.03)


@pytest.mark.model
def test_an_answer_that_copies_wrongly_is_mended_by_the_heads_that_copy_and_by_no_control(encoder):
    """Two of four annotations are of one type; the name, which is weaker, tells another that one
    of the others is of. Hidden, what is copied gives way to the gold where the copy was wrong."""
    model, tokens = built(encoder, of_annotation=4, of_name=0.5)
    rows, groups = [], {}
    for number in range(48):
        copied, second, third = np.roll(range(4), number)[:3].tolist()
        gold = second if number % 2 else copied
        own = [copied, second, third, copied]
        rows.append(prompt_row(encoder, tokens, number, own, gold, gold, copied))
        groups[f"e{number:02}"] = ("fit", "select", "test", "test")[number // 2 % 4]
    recipients = copying_recipients(rows, groups, encoder)
    assert len(recipients) == 48 and recipients[0]["copied"] == [1, 4]
    assert recipients[0]["others"] == [2, 3]
    every = [(block, head) for block in range(model.n_blocks) for head in range(model.n_heads)]
    options = {"shares": [0.1, 0.25], "n_random": 3, "seed": 0, "encoder": encoder}
    tried, ranked = repair_copies(runner_of(model), recipients, every, **options)
    assert (ranked[0]["block"], ranked[0]["head"]) == (0, 0)
    assert ranked[0]["weight"] == pytest.approx(0.5, abs=0.01)
    # Without an answer of `fit` there is no head to take.
    others = [row for row in recipients if row["group"] != "fit"]
    assert repair_copies(runner_of(model), others, every, **options) == ([], [])
    numbers = numbers_of(tried, heads=ranked)
    [cause] = numbers["causes"]
    assert (cause["n_wrong"], cause["n_right"], cause["setting"]) == (12, 12, {"n_heads": 1})
    estimates = {
        way: {key: values[key]["estimate"] for key in ("mended", "spoilt")}
        for way, values in cause["ways"].items()
    }
    nothing = {"mended": 0, "spoilt": 0}
    assert estimates["found"] == estimates["all"] == {"mended": 1, "spoilt": 1}
    assert estimates["other"] == estimates["random"] == nothing
    assert cause["ways"]["found"]["gain"]["estimate"] > 0.5
    assert {test["verdict"] for test in cause["moved"].values()} == {"shown"}
    text = " ".join([*finding_lines(repair_section(numbers, "rename_vars").findings)])
    assert "(1 head) mends more than it spoils" in text and "*undecided*" in text
    assert "(block.head): 0.0 (49.9%)" in say_repairs(numbers)[-1]


@pytest.mark.model
def test_an_answer_that_is_another_in_these_batches_is_left_out(encoder):
    model, tokens = built(encoder, of_annotation=4, of_name=0.5)
    own = prompt_row(encoder, tokens, 0, [0, 1], 0, 0, 0)
    groups = {own["example_id"]: "test"}
    for gold, outcome in ((0, "right"), (1, "wrong")):
        row = {**own, "gold": TYPES[gold], "gold_token_id": token_of(encoder, TYPES[gold])}
        [recipient] = copying_recipients([{**row, "correct": gold == 0}], groups, encoder)
        assert recipient["outcome"] == outcome
        turned = {**recipient, "outcome": {"right": "wrong", "wrong": "right"}[outcome]}
        ways = ways_of_select([(0, 0)], [1.0])
        found = hide_copies(runner_of(model), [recipient, turned], ways, encoder)
        assert [made["outcome"] for made in found] == [outcome] * 2  # with nothing hidden, and one


@pytest.mark.model
def test_an_answer_that_a_name_misleads_is_mended_at_the_name_and_not_by_random_directions(encoder):
    """The name outweighs the annotation, which tells the gold. Three random directions of 32 are
    not at right angles to the types', and mend a few."""
    model, tokens = built(encoder, of_annotation=1, of_name=3)
    originals, variants = {}, {}
    for number in range(40):
        gold, other = number % 4, (number + 1 + number // 4 % 3) % 4
        own = prompt_row(encoder, tokens, number, [gold], gold, gold, gold)
        renamed = prompt_row(encoder, tokens, number, [gold], other, gold, other, "rename_vars")
        group = {"group": ("select", "test")[number >= 12]}
        originals[own["example_id"]] = {**own, **group}
        variants[own["example_id"]] = {**renamed, **group}
    fitted = [prompt_row(encoder, tokens, i, [], i // 8, i // 8, i // 8) for i in range(32)]
    runner, points = runner_of(model), points_at([0.0, 1.0], model.n_blocks)
    assert points == [0, 2]
    spaces = fit_names(runner, fitted, points, min_examples=5, most=3, n_random=4, seed=0)
    ranks = ranks_in(spaces[0], [1, 8])
    assert ranks == [1, 3]
    recipients = list(renamed_pairs(originals, variants))
    assert len(recipients) == 80 and {row["cause"] for row in recipients} == {RENAMED}
    select, test = (
        [row for row in recipients if row["group"] == group] for group in ("select", "test")
    )
    parts = [Part("types", rank) for rank in ranks]
    rows = write_over(runner, select, spaces, parts, encoder)
    rank, point = best_setting(rows, lambda row: (row["rank"], row["point"]))
    assert (rank, point) == (3, 0)
    parts = [Part("types", rank), *(Part("random", rank, draw) for draw in range(4))]
    rows += write_over(runner, test, {point: spaces[point]}, parts, encoder)
    numbers = numbers_of([], rows)
    [cause] = numbers["causes"]
    assert (cause["cause"], cause["n_wrong"], cause["n_right"]) == (RENAMED, 28, 28)
    found, random = cause["ways"]["found"], cause["ways"]["random"]
    assert (found["mended"]["estimate"], found["spoilt"]["estimate"]) == (1, 0)
    assert random["mended"]["estimate"] < 0.25 and random["spoilt"]["estimate"] == 0
    assert {test["verdict"] for test in cause["net"].values()} == {"shown"}
    section = repair_section(numbers, "rename_vars")
    [line] = finding_lines(section.findings)
    assert line.startswith("- *shown*: taking the name's type out at its place (rank 3 at point 0)")
    beside = points_changed(cause["net"]["random"])
    assert line.endswith(f"as many random ones, more than which it is {beside}, n = 56.")
    assert sum(len(axes.get_lines()) for axes in plot_repair(numbers).axes) > 4


def test_a_name_loses_its_part_between_the_types_and_a_random_change_is_as_long():
    rng = np.random.default_rng(0)
    means = 3 * rng.standard_normal((4, 16))
    residuals = np.repeat(means, 8, axis=0) + 0.1 * rng.standard_normal((32, 16))
    golds = np.repeat(list("abcd"), 8)
    space = fit_space(residuals, golds, range(32), min_examples=2, most=3, n_random=2, seed=0)
    own = torch.from_numpy(residuals).float()
    between = taken_out(space, Part("types", 3), own)
    basis = torch.from_numpy(space.bases["types", None]).float()
    inside = between @ basis
    torch.testing.assert_close(inside, inside[:1].expand_as(inside), atol=1e-4, rtol=0)
    torch.testing.assert_close(own - own @ basis @ basis.T, between - inside @ basis.T)
    random = taken_out(space, Part("random", 3, 1), own)
    torch.testing.assert_close((random - own).norm(dim=-1), (between - own).norm(dim=-1))


def test_pairs_are_of_examples_that_hang_on_the_name():
    def own(name, **other):
        row = {"example_id": name, "correct": True, "predicted_token_id": 1, "gold_token_id": 1}
        shown = regions(("declaration", 0, 2), ("rest", 2, 3), ("use", 3, 4))
        return {**row, "edit": "original", "token_ids": [7, 8, 9, 8], "regions": shown, **other}

    def planted(name, moved, is_control, hypothesis="name"):
        row = {"example_id": name, "hypothesis": hypothesis, "moved": moved, "token_ids": [6, 9, 6]}
        return {**row, "is_control": is_control, "name_tokens": [0, 2]}

    prompts = {name: own(name) for name in "abcd"}
    prompts["d"] = own("d", correct=False, predicted_token_id=2)
    rows = [
        *(planted("a", True, False), planted("a", False, True)),
        *(planted("b", True, False), planted("b", True, True)),
        planted("c", True, False),  # without a control
        *(planted("d", True, False), planted("d", False, True)),
        *(planted("a", True, False, "nearest"), planted("a", False, True, "nearest")),
    ]
    found = list(planted_pairs(prompts, rows))
    assert [(row["example_id"], row["outcome"], row["cause"]) for row in found] == [
        ("a", "right", PLANTED),
        ("a", "wrong", PLANTED),
    ]
    assert [(row["token_ids"], row["name_tokens"]) for row in found] == [
        ([7, 8, 9, 8], [1, 3]),
        ([6, 9, 6], [0, 2]),
    ]
    wrong = {"correct": False, "predicted_token_id": 2}
    for edit, n in (("rename_vars", 2), ("delete_annotations", 0)):
        variants = {"a": own("a", edit=edit, **wrong), "b": own("b", edit=edit)}
        assert len(list(renamed_pairs(prompts, variants))) == n


def test_without_an_answer_section_and_figure_say_so():
    numbers = numbers_of([])
    assert say_repairs(numbers) == [
        "No answer of `test` was asked: none copies, and none hangs on a name."
    ]
    assert repair_section(numbers, "rename_vars").tables == []
    plot_repair(numbers)
