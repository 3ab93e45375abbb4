"""What is planted for each algorithm to find: changes in the text, names that tell a type."""

import pytest

from distractor_row import PREFIX, ROW, SUFFIX
from fimscope.experiments.algorithms.counterfactuals import (
    PLANTERS,
    Sight,
    hide_uses,
    replaced,
)
from fimscope.experiments.algorithms.names import telling_names
from fimscope.prompts.prompt import Unfit
from fimscope.typescript.results import LabelledSpan

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
