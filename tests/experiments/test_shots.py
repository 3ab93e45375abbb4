"""Solved examples in front of a prompt: which are drawn, how they are written, where they stand."""

import pytest

from fimscope.experiments.icl.choices import CHOICES, DRAWS
from fimscope.experiments.icl.shots import Shot, draw_shots, make_shot, put_in_front
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.prompt import Unfit
from fimscope.typescript.client import TypeScript
from tokenizers_for_tests import byte_tokenizer

POOL = [
    Shot(f"s{i}", "string" if i % 2 else "number", [10 * i, 10 * i + 1], [10 * i])
    for i in range(12)
]
RECIPIENT = {"example_id": "r", "gold": "string"}
BEFORE, GOLD, AFTER = "export function pad(text: ", "string", ", width = 2) {\n  return text;\n}\n"


@pytest.mark.parametrize("choice", CHOICES)
def test_fewer_shots_are_the_nearest_of_more(choice):
    _, names = draw_shots(choice, RECIPIENT, POOL, 4, seed=3)
    for n in (1, 2, 3):
        assert draw_shots(choice, RECIPIENT, POOL, n, seed=3)[1] == names[-n:]
    assert len(set(names)) == 4


def test_the_types_of_each_choice():
    gold_of = {shot.example_id: shot.gold for shot in POOL}
    for seed in range(20):
        for choice in CHOICES:
            golds = {gold_of[name] for name in draw_shots(choice, RECIPIENT, POOL, 4, seed)[1]}
            if DRAWS[choice] == "same_type":
                assert golds == {"string"}
            if choice == "other_type":
                assert golds == {"number"}


def test_choices_of_one_draw_show_the_same_examples():
    same, untyped = (draw_shots(c, RECIPIENT, POOL, 3, 5) for c in ("same_type", "untyped"))
    assert same[1] == untyped[1]
    assert untyped[0] == same[0][::2]
    any_type, scrambled = (draw_shots(c, RECIPIENT, POOL, 5, 5) for c in ("random", "scrambled"))
    assert any_type[1] == scrambled[1]
    assert sorted(any_type[0]) == sorted(scrambled[0])
    assert any_type[0] != scrambled[0]


def test_too_few_shots_of_a_type_are_refused():
    with pytest.raises(Unfit, match="6 at hand") as error:
        draw_shots("same_type", RECIPIENT, POOL, 7, 0)
    assert error.value.reason == "not_paired"


def test_shots_stand_behind_the_prefix_token_or_at_the_start():
    prompt = {"token_ids": [1, 2, 3], "positions": [{"name": "fim_prefix", "index": 0}]}
    assert put_in_front(prompt, [8, 9], 0) == [1, 8, 9, 2, 3]
    assert put_in_front({**prompt, "positions": []}, [8, 9], 0) == [8, 9, 1, 2, 3]
    assert put_in_front({**prompt, "positions": []}, [8, 9], 1) == [1, 8, 9, 2, 3]


@pytest.mark.node
def test_a_shot_is_its_function_with_the_annotation_and_without():
    encoder = Encoder(byte_tokenizer([BEFORE + GOLD + AFTER] * 3))
    other = "const other = 1;\n"
    donor = {"example_id": "d", "prefix": other + BEFORE, "gold": GOLD, "suffix": AFTER}
    with TypeScript() as typescript:
        fim = make_shot(encoder, typescript, "fim", donor, 200)
        rewrite = make_shot(encoder, typescript, "rewrite", donor, 200)
        with pytest.raises(Unfit, match="do not fit"):
            make_shot(encoder, typescript, "fim", donor, 3)
    typed = BEFORE + GOLD + AFTER.rstrip()
    assert encoder.decode(fim.typed) == typed + "\n\n"
    assert encoder.decode(fim.untyped) == typed.replace(": string", "") + "\n\n"
    text = encoder.decode(rewrite.typed)
    assert text.startswith("// JavaScript\n")
    assert text.endswith(f"// TypeScript\n{typed}\n\n")
    assert encoder.decode(rewrite.untyped) == text.replace(": string", "")
