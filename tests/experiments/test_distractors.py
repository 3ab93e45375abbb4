"""What distracts: masked in real programs, hidden tokens and their controls."""

import pytest

from distractor_row import PREFIX, ROW, SUFFIX
from fimscope.experiments.masking.distractors import draw_rest, mask_text, n_lacking, tokens_of
from fimscope.experiments.masking.ways import TEXT
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.fim import FimWindow, follow_fim
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.prompts.prompt import Unfit
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Units
from tokenizers_for_tests import byte_tokenizer

PROMPT = {
    "example_id": "e",
    "token_ids": list(range(10)),
    "regions": [
        {"kind": "fim", "start": 0, "end": 1},
        {"kind": "rest", "start": 1, "end": 6},
        {"kind": "use", "start": 6, "end": 8},
        {"kind": "rest", "start": 8, "end": 9},
        {"kind": "use", "start": 9, "end": 10},
    ],
}


@pytest.fixture(scope="module")
def masked():
    encoder = Encoder(byte_tokenizer([PREFIX + SUFFIX] * 3))
    with TypeScript() as typescript:
        maker = PromptMaker(FORMATS["fim"], encoder, typescript, 400, "all")
        found = {name: mask_text(maker, ROW, ROW, name, 1).text for name in TEXT}
        found["none"] = maker.make(ROW, ROW).text
    return found


def test_annotations_go_but_the_hole_stays(masked):
    assert masked["none"] == f"{PREFIX}<hole>{SUFFIX}"
    text = masked["annotations"]
    assert "text: <hole>, width = 2) {" in text
    assert ": string" not in text
    assert "// to the right" in text


def test_comments_go_and_nothing_else(masked):
    text = masked["comments"]
    assert "note" not in text
    assert "//" not in text
    assert text.startswith("const first = 1;\n")
    assert text.endswith("export const last = other();\n")


def test_names_become_others_that_mean_nothing(masked):
    text = masked["names"]
    assert "text" not in text
    assert "width" not in text
    assert "filled" not in text
    assert ": <hole>" in text


@pytest.mark.parametrize("edit", ["rename_vars", "rename_vars@0.5", "misleading_names"])
def test_names_that_the_edit_has_changed_are_no_mask(edit):
    with TypeScript() as typescript:
        maker = PromptMaker(
            FORMATS["fim"], Encoder(byte_tokenizer([PREFIX])), typescript, 400, "all"
        )
        with pytest.raises(Unfit, match="has given the names others already") as refused:
            mask_text(maker, ROW, {**ROW, "edit": edit}, "names", 1)
    assert refused.value.reason == "nothing_to_edit"


def test_siblings_go_and_the_holes_function_stays(masked):
    before, after = masked["siblings"].split("<hole>")
    assert before == "export function pad(text: "
    assert after == SUFFIX[: SUFFIX.index("export")].rstrip()


def test_a_comment_that_goes_lets_no_hidden_code_in():
    before = ["const hidden = 1;\n", "// note\n", "const shown = 2;\n", "function f(a: "]
    edited = [part for part in before if part != "// note\n"]
    window = FimWindow(3, 1)
    after = [") {}\n", "/* a */ // b\n", "g();\n"]
    moved = follow_fim(Units([], before, after), Units([], edited, [after[0], after[2]]), window)
    assert moved == FimWindow(2, 1)
    assert follow_fim(Units([], before, after), Units([], before, after), window) == window
    wide = FimWindow(4, 3)
    moved = follow_fim(Units([], before, after), Units([], edited, [after[0], after[2]]), wide)
    assert moved == FimWindow(3, 2)


def test_a_line_of_slashes_is_read_at_once():
    slashes = ["/" * 5000 + "\nconst a = 1;\n"]
    assert follow_fim(Units([], slashes, []), Units([], ["x"], []), FimWindow(1, 0)).n_before == 1


def test_tokens_of_a_kind_are_all_but_the_last_of_the_prompt():
    assert tokens_of(PROMPT, "use") == [6, 7]
    with pytest.raises(Unfit, match="no tokens of kind comment"):
        tokens_of(PROMPT, "comment")


def test_the_control_is_as_many_tokens_of_the_rest():
    drawn = {tuple(draw_rest(PROMPT, 3, seed, "use")) for seed in range(30)}
    assert len(drawn) > 5
    assert all(set(tokens) <= {1, 2, 3, 4, 5, 8} and len(tokens) == 3 for tokens in drawn)
    with pytest.raises(Unfit, match="6 found"):
        draw_rest(PROMPT, 7, 0, "use")


def test_lacking_tokens_are_those_outside_a_longest_common_order():
    assert n_lacking([1, 2, 3, 4], [1, 3, 4]) == 1
    assert n_lacking([1, 2, 3, 4], [1, 9, 3, 4]) == 1
    assert n_lacking([1, 2], [1, 2, 3]) == 0
