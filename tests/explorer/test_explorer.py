"""What the explorer's pages are given: packed data, aligned texts, one plain script."""

import json
import math
import re
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer_study import HOSTILE, HOSTILE_PROGRAM, MOST_TOKENS, MadeStudy, Size
from fimscope.errors import UserError
from fimscope.experiments.attention.readings import most_attended
from fimscope.experiments.tables import SPLIT
from fimscope.explorer import causes, payload, whole
from fimscope.explorer.alignment import apply, changes
from fimscope.explorer.blocks import block_element, block_script, pack, unpack
from fimscope.explorer.bundle import bundle
from fimscope.explorer.grouped import ByExample
from fimscope.explorer.listing import listing, mean_effects
from fimscope.explorer.pages import folder_page, read_parts, single_page
from fimscope.explorer.pieces import token_pieces
from fimscope.explorer.terms import PARTS, all_terms, words_pattern
from fimscope.files.digests import script_source
from fimscope.files.tables import write_table
from fimscope.prompts.encoder import Encoder
from fimscope.typescript.process import find_node
from tokenizers_for_tests import byte_tokenizer

ROOT = Path(__file__).parents[2]
FRONT_END = ROOT / "scripts/explorer"
ALWAYS = {"source", "predictions", "alike", "prompt"}  # panels that every variant has
WORDS = st.lists(
    st.sampled_from(["a", "bc", "𝑥", " ", "\n", "(", "é", "\r", "\u2028"]), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(WORDS, WORDS, st.dictionaries(st.sampled_from("abc"), st.sampled_from("abc"), max_size=2))
def test_the_changes_turn_one_text_into_the_other(before, after, names):
    before, after = "".join(before), "".join(after)
    assert apply(before, changes(before, after, names)) == after


def test_a_renamed_name_is_a_change_of_that_name_alone():
    found = changes("f(𝑥, width);\nwidth + 1", "f(𝑥, zu);\nzu + 1", {"zu": "width"})
    assert found == [(6, 5, "zu"), (3, 5, "zu")]  # 𝑥 is two units


def test_a_line_more_leaves_the_lines_around_it_as_they_are():
    assert changes("a\nb\n", "a\nnew\nb\n", {}) == [(2, 0, "new\n")]


def test_pieces_spell_the_prompt_also_across_characters_of_several_tokens():
    tokenizer = byte_tokenizer(["let a = 1;"], vocab_size=270)
    text = "let 𝑥 = 'é';\n"
    ids = tokenizer.encode(text).ids
    pieces = token_pieces(lambda some: tokenizer.decode(list(some)), ids)
    assert len(pieces) == len(ids) and "".join(pieces) == text
    assert "𝑥" in pieces and "" in pieces


def test_pieces_keep_the_space_that_a_tokenizer_drops_in_front():
    words = ["a", " b", " c"]

    def decode(ids):
        return "".join(words[i] for i in ids).lstrip(" ")

    assert token_pieces(decode, [0, 1, 2]) == words


def test_a_block_gives_back_its_value_and_cannot_end_its_element():
    value = {"text": HOSTILE, "numbers": [1, 2.5, None], "surrogate": "\ud800"}
    block = pack(value)
    assert unpack(block)["text"] == HOSTILE
    assert re.fullmatch(r'fimscope\("7","[A-Za-z0-9+/=]*"\);\n', block_script("7", block))
    assert block_element("7", block).count("<") == 2


@pytest.mark.node
def test_rows_of_an_example_come_in_order_from_a_table_in_any_order(tmp_path):
    keys = ["b", "a", "b", "c", "a"]
    rows = [{"example_id": key, "edit": str(i)} for i, key in enumerate(keys)]
    write_table(tmp_path / "t.parquet", SPLIT, rows, {})
    table = ByExample([tmp_path / "t.parquet"], SPLIT)
    assert [row["edit"] for row in table.rows("b")] == ["0", "2"]
    assert [row["edit"] for row in table.rows("a")] == ["1", "4"]
    assert table.rows("none") == [] and "c" in table and "none" not in table


def test_heads_keep_the_tokens_that_are_looked_at_most():
    weights = torch.tensor([[0.01, 0.59, 0.4], [0.45, 0.1, 0.45], [0.3, 0.3, 0.4]])
    kept = list(most_attended(weights, n_tokens=2, least_weight=0.2))
    assert [tokens for tokens, _ in kept] == [[1, 2], [0, 2], [2, 0]]
    assert kept[0][1] == pytest.approx([0.59, 0.4])
    row = {"block": 3, "head": 1, "tokens": [1, 2], "weights": kept[0][1]}
    assert payload.heads([row]) == [[3, 1, [1, 590, 2, 400]]]


def test_steering_is_a_curve_over_strengths_for_every_vector_and_points():
    doses = [
        ("mean", "m", [3], 1.0, True),
        ("mean", "m", [3], 2.0, False),
        (None, None, None, 0.0, False),
    ]
    rows = [
        {"kind": kind, "vector": vector, "points": points, "strength": strength, "to_gold": mended}
        | {"predicted": "x", "gold_logprob": -1.0}
        for kind, vector, points, strength, mended in doses
    ]
    mean, none = payload.steering(rows)
    assert (mean["points"], mean["strengths"], mean["to_gold"]) == ([3], [1.0, 2.0], [True, False])
    assert (none["kind"], none["points"]) == ("none", [])


def test_mean_effects_are_of_the_paired_donor_at_the_last_token():
    rows = [("paired", "last", 0.0), ("paired", "last", 1.0), ("paired", "last", None)]
    rows += [("self", "last", 9.0), ("paired", "hole_name", 9.0)]
    table = pa.Table.from_pylist(
        [
            {"condition": "restore", "example_id": "x", "edit": "e", "donor_kind": kind}
            | {"position": position, "normalised_effect": effect}
            for kind, position, effect in rows
        ]
    )
    assert mean_effects(table) == {"restore": {("x", "e"): 0.5}}
    assert mean_effects(None) == {}


@pytest.mark.node
def test_the_front_end_is_one_script_without_markup_made_of_text(tmp_path):
    script = bundle(FRONT_END, "main")
    (tmp_path / "explorer.js").write_text(script, encoding="utf-8")
    subprocess.run([find_node(), "--check", str(tmp_path / "explorer.js")], check=True)
    for name in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
        assert name not in script
    assert all(f"// {path.stem}\n" in script for path in FRONT_END.glob("*.mjs"))


@pytest.mark.node
def test_a_probability_that_is_not_known_is_no_certainty():
    assert payload.probability(None) is None and payload.probability(0.0) == 1
    assert shown_as("percent", [payload.probability(None)]) == ["–"]


def shown_as(function: str, values: list[float | None], *rest: int) -> list[str]:
    """What a function of the page's own makes of numbers of its data."""
    code = f"import {{ {function} }} from '{(FRONT_END / 'dom.mjs').as_uri()}';"
    code += "const [values, rest] = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    code += f"console.log(JSON.stringify(values.map((value) => {function}(value, ...rest))))"
    code = "import { createRequire } from 'module'; const require = createRequire('/');" + code
    command = [find_node(), "--input-type=module", "-e", code]
    given = json.dumps([values, rest])
    run = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def as_decimal(value: float, digits: int) -> str:
    """A number with so many digits behind the point, by decimal arithmetic; no zero has a sign."""
    exact = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return str(abs(exact) if exact.is_zero() else exact)


def near_ties(rng: np.random.Generator, digits: int) -> list[float]:
    """Numbers as tables hold them, that rounding to one digit more would make ties of half of."""
    ties = (rng.integers(-2000, 2000, 500) + 0.5) / 10**digits
    near = ties + rng.uniform(-0.4, 0.4, 500) / 10 ** (digits + 1)
    return near.astype(np.float32).astype(float).tolist()


def of_effects(values):
    """Every number of the payload that is an effect, a share or a difference, by its digits."""
    rows = [
        {"condition": "c", "pair_id": "p", "donor_kind": "paired", "donor_example_id": "x"}
        | {"position": "last", "n_points": 1, "point": point, "predicted": "x", "block": point}
        | {"component": "mlp_output", "head": None, "region": "r", "part": "block"}
        | {"foil_token_id": 1, "logit_diff": value, "gold_logprob": value, "share": value}
        | {"target_logprob": value, "foil_logprob": value, "normalised_effect": value}
        | {"example_id": str(point), "edit": "e", "token": 0, "text": "x", "role": "last"}
        | {"is_run": True, "to_target": False}
        for point, value in enumerate(values)
    ]
    [pair], [parts], [trace] = payload.pairs(rows), causes.parts(rows), causes.traces(rows)
    [curve] = pair["curves"]
    yield curve["effects"], (2, 3)
    paired = {"donor_edit": "e", "target": "x", "foil": "x", "condition": "c", "turned": True}
    [lent] = whole.lent([row | paired for row in rows], [rows[0] | paired])
    yield lent["curves"][0]["effects"], (2,)
    for name in ("logit_diffs", "gold_logprobs", "target_logprobs", "foil_logprobs"):
        yield curve[name], (2,)
    yield parts["donors"]["paired"]["mlp_output"], (2, 3)
    yield trace["effects"][0], (2,)
    yield payload.direct(rows, [], str)["shares"], (2, 3)
    means = {
        "c": {(row["example_id"], "e"): value for row, value in zip(rows, values, strict=True)}
    }
    keys = ("name", "package", "path", "kind", "group", "gold", "predicted", "outcome", "broken")
    texts = dict.fromkeys((*keys, "mended", "gold_rank", "gold_logprob"))
    listed = [
        (0, {**row, "gold_logprob": None}, texts, "") for row in ({**texts, **r} for r in rows)
    ]
    yield listing([{**texts, "example_id": "x"}], listed, means)["variants"]["effects"]["c"], (2,)


@pytest.mark.node
@pytest.mark.parametrize("near", [2, 3])
def test_a_number_on_the_screen_is_rounded_once(near):
    values = near_ties(np.random.default_rng(3), near)
    for kept, digits in of_effects(values):
        for n in digits:
            assert shown_as("decimal", kept, n) == [as_decimal(value, n) for value in values]


@pytest.mark.node
def test_a_percentage_on_the_screen_is_rounded_once():
    shares = np.abs(near_ties(np.random.default_rng(4), 3)) / 4 + 1e-7
    logs = np.log(shares).astype(np.float32).astype(float).tolist()
    shares = [math.exp(value) for value in logs]
    expected = [as_decimal(100 * s, 1 if s < 0.0995 else 0) + "%" for s in shares]
    row = {"top10": None, "gold_rank": 0, "position": "last", "entropy": 0.0}
    rows = [{**row, "point": i, "gold_logprob": value} for i, value in enumerate(logs)]
    assert (
        shown_as("percent", payload.lens(rows)["positions"]["last"]["gold_probability"]) == expected
    )
    doses = dict.fromkeys(("kind", "vector", "points", "predicted", "to_gold"))
    [steered] = payload.steering([{**doses, **row, "strength": 1.0} for row in rows])
    assert shown_as("percent", steered["gold_probabilities"]) == expected
    looked = [{"block": 0, "head": 0, "region": "r", "share": share} for share in shares]
    assert shown_as("percent", [share for *_, share in payload.shares(looked)["r"]]) == expected


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({"main": 'import x from "./other.mjs";\n'}, "is no form that is bundled"),
        ({"main": "export default 1;\n"}, "is no form that is bundled"),
        (
            {"main": 'import { a } from "./b.mjs";\n', "b": 'import { c } from "./main.mjs";\n'},
            "in a circle: main > b > main",
        ),
        ({"main": 'import { a } from "./gone.mjs";\n'}, "gone.mjs: not readable"),
    ],
)
def test_a_module_that_cannot_be_bundled_is_refused(tmp_path, modules, said):
    for name, text in modules.items():
        (tmp_path / f"{name}.mjs").write_text(text)
    with pytest.raises(UserError, match=said):
        bundle(tmp_path, "main")


def test_the_single_page_escapes_its_title_and_names_its_scripts_by_hash():
    parts = read_parts(FRONT_END, ROOT / "node_modules")
    start, end = single_page(HOSTILE, parts, "")
    assert HOSTILE not in start + end
    packed = unpack(re.search(r'id="block-scripts">([^<]*)<', start)[1])
    assert packed == [*parts.scripts.values()]
    [runs] = re.findall(r"<script>(.*?)</script>", start, re.DOTALL)
    allowed = re.search(r"script-src (.*?);", start)[1].split()
    assert allowed == [f"'{script_source(text)}'" for text in (runs, *packed)]


def test_no_markup_can_send_the_reader_or_their_input_elsewhere():
    parts = read_parts(FRONT_END, ROOT / "node_modules")
    for page in (folder_page("m", parts), next(single_page("m", parts, ""))):
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
        directives = [directive.strip() for directive in policy.split(";")]
        assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(directives)


def test_an_explorer_is_the_same_bytes_each_time_and_holds_every_example(tmp_path):
    from build_explorer import write_explorer
    from fimscope.explorer.study import NEEDED, OPTIONAL, Study

    made = MadeStudy(tmp_path, [HOSTILE_PROGRAM], n_examples=6, size=Size(n_points=3))
    made.write()
    paths = {name: sorted((tmp_path / name).glob("*.parquet")) for name in (*NEEDED, *OPTIONAL)}
    parts = read_parts(FRONT_END, ROOT / "node_modules")
    singles = []
    for name in ("first", "second"):
        study = Study(
            tmp_path / "examples.parquet",
            paths,
            Encoder(made.tokenizer),
            tmp_path / "activations/original",
        )
        write_explorer(study, "m", parts, tmp_path / name, tmp_path / f"{name}.html")
        singles.append((tmp_path / f"{name}.html").read_bytes())
    assert singles[0] == singles[1]
    assert len(list((tmp_path / "first/data").glob("*.js"))) == 7
    block = re.search(r'id="block-0">([^<]*)<', singles[0].decode())[1]
    example = unpack(block)
    assert example["source"]["text"] == HOSTILE_PROGRAM
    assert [variant["edit"] for variant in example["variants"]] == ["original", "rename_vars"]
    lens = example["variants"][0]["lens"]["positions"]["last"]
    assert lens["point"] == [0, 1, 2] and np.shape(lens["top"]) == (3, 10)
    tested = unpack(re.search(r'id="block-2">([^<]*)<', singles[0].decode())[1])
    for variant in tested["variants"]:
        assert variant["lens"]["positions"]["last_linear"]["gold_rank"] == [0, 0, 0]
    assert "last_linear" not in example["variants"][0]["lens"]["positions"]  # a prompt of `fit`


def test_an_explorer_of_some_examples_says_how_many_there_are(tmp_path):
    from fimscope.explorer.study import NEEDED, OPTIONAL, Study, example_blocks, list_variants

    made = MadeStudy(tmp_path, [HOSTILE_PROGRAM], n_examples=6, size=Size(n_points=3))
    made.write()
    paths = {name: sorted((tmp_path / name).glob("*.parquet")) for name in (*NEEDED, *OPTIONAL)}
    wanted = [made.examples[number]["example_id"] for number in (1, 4)]
    encoder = Encoder(made.tokenizer)
    few = Study(tmp_path / "examples.parquet", paths, encoder, chosen=wanted)
    index = list_variants(few, "m")
    assert index["examples"]["id"] == wanted and set(index["variants"]["example"]) == {0, 1}
    small, chosen = index["notes"]
    assert "This study is small: 1 program" in small  # of the whole, not of what is shown
    assert chosen.startswith("The explorer shows 2 of the 6 examples")
    assert [unpack(block)["id"] for _, block in example_blocks(few)] == wanted
    whole = Study(tmp_path / "examples.parquet", paths, encoder)
    assert list_variants(whole, "m")["notes"] == [small]


def test_a_needed_table_that_lacks_a_variant_is_named(tmp_path):
    from fimscope.explorer.study import NEEDED, OPTIONAL, Study, describe_example

    made = MadeStudy(tmp_path, [HOSTILE_PROGRAM], n_examples=2, size=Size(n_points=3))
    made.write()
    paths = {name: sorted((tmp_path / name).glob("*.parquet")) for name in (*NEEDED, *OPTIONAL)}
    paths["prompts"] = paths["prompts"][:1]
    study = Study(tmp_path / "examples.parquet", paths, Encoder(made.tokenizer))
    with pytest.raises(UserError, match="prompts: no row of example 0+, edit rename_vars"):
        describe_example(study, 0)


def test_a_completion_is_cut_where_it_has_all_tokens_that_it_was_asked_for(tmp_path):
    from fimscope.explorer.study import NEEDED, OPTIONAL, Study, describe_example

    made = MadeStudy(tmp_path, [HOSTILE_PROGRAM], n_examples=6, size=Size(n_points=3))
    made.write()
    paths = {name: sorted((tmp_path / name).glob("*.parquet")) for name in (*NEEDED, *OPTIONAL)}
    study = Study(tmp_path / "examples.parquet", paths, Encoder(made.tokenizer))
    answers = [v["answer"] for n in range(6) for v in describe_example(study, n)["variants"]]
    cut = {answer["completion"]: answer["cut_at"] for answer in answers}
    for completion, most in cut.items():
        n_tokens = len(made.tokenizer.encode(completion).ids)
        assert most == (MOST_TOKENS if n_tokens >= MOST_TOKENS else None)
    assert set(cut.values()) == {MOST_TOKENS, None}


@pytest.mark.node
def test_the_list_opens_with_what_is_broken_and_patched():
    rows = [
        {"row": row, "outcome": outcome, "effects": {"restore": effect, "break": None}}
        for row, (outcome, effect) in enumerate(
            [("right", 0.5), ("broken", None), ("broken", 0.5), ("wrong", None), ("broken", 0.0)]
        )
    ]
    code = f"import {{ openingOrder }} from '{(FRONT_END / 'rows.mjs').as_uri()}';"
    code += f"console.log(openingOrder({json.dumps(rows)}).map(({{ row }}) => row).join())"
    command = [find_node(), "--input-type=module", "-e", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert run.stdout == "2,4,1,0,3\n"


@pytest.mark.node
def test_every_choice_of_the_list_finds_as_many_rows_as_it_says():
    answers = ["string", "", "any", "", "string", ""]
    rows = [{"predicted": text, "outcome": "wrong", "effect": None} for text in answers]
    code = f"import {{ commonest, rowFilter }} from '{(FRONT_END / 'rows.mjs').as_uri()}';"
    code += f"const rows = {json.dumps(rows)};"
    code += "const of = (value) => rows.filter(rowFilter(new Map([['predicted', value]]))).length;"
    code += "const told = commonest(rows, 'predicted').map(([value, n]) => [value, n, of(value)]);"
    code += "console.log(JSON.stringify(told))"
    command = [find_node(), "--input-type=module", "-e", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(run.stdout)
    assert [(n, shown) for _, n, shown in found] == [(3, 3), (2, 2), (1, 1)]
    assert "" not in [value for value, _, _ in found]  # in a form it is no choice


@pytest.mark.node
def test_a_key_of_the_config_is_no_word():
    texts = [
        "a sample. Then",
        "sample.max_examples",
        "(prompt.golds)",
        "samples",
        "the gold.",
        "x.gold",
    ]
    code = f"const found = new RegExp({json.dumps(words_pattern())}, 'g');"
    code += f"console.log(JSON.stringify({json.dumps(texts)}.map((text) => text.match(found))))"
    run = subprocess.run([find_node(), "-e", code], check=True, capture_output=True, text=True)
    assert json.loads(run.stdout) == [["sample"], None, None, ["samples"], ["gold"], None]


def test_effects_are_first_of_the_condition_that_mends():
    keys = {"example_id": "x", "edit": "e", "donor_kind": "paired", "position": "last"}
    conditions = ("own", "break", "restore")
    rows = [{**keys, "condition": name, "normalised_effect": 1.0} for name in conditions]
    assert list(mean_effects(pa.Table.from_pylist(rows))) == ["restore", "break", "own"]


def test_what_may_be_missing_of_a_variant_has_a_reason():
    from fimscope.explorer.study import OPTIONAL

    terms = all_terms()
    page = (FRONT_END / "example.mjs").read_text()
    panels = re.findall(r'^    \["(\w+)", "|^    \[\n      "(\w+)"', page, re.MULTILINE)
    panels = {first or second for first, second in panels}
    assert {"patches", "lens", "prompt"} <= panels
    assert set(terms["absent"]) == (panels - ALWAYS) | (set(OPTIONAL) & set(PARTS))
    assert set(terms["absent"]) <= set(terms["experiments"])
