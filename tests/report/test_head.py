"""The head of the report: what the model is, the words, and whether the study is too small."""

import json
import re
from pathlib import Path

import pytest
from scipy.stats import binom

from fimscope.errors import UserError
from fimscope.experiments.patch.pairs import CONDITIONS
from fimscope.models.card import read_card
from fimscope.report import glossary
from fimscope.report.head import (
    LEAST_CHANGE,
    say_asked,
    say_model,
    say_origin,
    say_size,
)
from fimscope.statistics.exact_tests import smallest_shown

ROOT = Path(__file__).parents[2]
MODEL = {
    **{"family": "gpt2", "n_blocks": 7, "d_model": 8, "n_parameters": 1234567},
    **{"source": {"hub": "somebody/small"}, "revision": "a" * 40},
}

ENOUGH = 78  # the fewest programs of which a tenth, changed, is found 4 times in 5


def head(**more) -> str:
    model = {**MODEL, **more}
    return f"{say_model(model, 'small', 'float32')} {say_origin(model)}"


def test_the_model_is_told_with_its_size_source_and_training():
    card = read_card(ROOT / "models/embedded")
    said = head(card=card)
    for value in ("gpt2", "7 blocks", "1,234,567", "somebody/small", "a" * 40, "float32"):
        assert value in said
    for key in ("steps", "tokens", "minutes"):
        assert f"{card[key]:,} {key}" in said
    assert str(card["seed"]) in said
    assert card["is"] in said


def test_a_quantised_file_is_told_with_its_bits():
    said = head(quantised={"type": "Q4_K", "bits": 4.84})
    assert "Q4_K" in said
    assert "4.84" in said
    assert "Q4_K" not in head()


def test_a_card_cannot_bring_markup():
    said = head(card={"is": "![x](http://example.invalid/x.svg) <b>"})
    assert "`![x](http://example.invalid/x.svg) <b>`" in said


@pytest.mark.parametrize(
    "text", ['{"is": 3}', '{"seed": "x"}', '{"other": "x"}', "[1, 2]", "{", '{"steps": true}']
)
def test_a_card_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(UserError, match=r"card\.json"):
        read_card(tmp_path)


def test_the_embedded_models_two_cards_agree():
    card = read_card(ROOT / "models/embedded")
    page = (ROOT / "models/embedded/README.md").read_text("utf-8")
    assert f"for {card['steps']} steps ({card['tokens']} tokens)" in page
    assert f"Seed {card['seed']}; {card['hardware']}" in page
    files, packages = re.findall(r"\d+", card["trained_on"])
    assert f"{packages} npm packages that ship their TypeScript, {files} files" in page
    weights = json.loads((ROOT / "models/embedded/config.json").read_text("utf-8"))
    assert weights["model_type"] == "gpt_bigcode"


def test_every_condition_is_defined_and_only_those_of_the_study_are_told():
    assert set(glossary.CONDITIONS) == set(CONDITIONS)
    told = " ".join(glossary.glossary_lines(["restore"]))
    assert "`restore`" in told
    assert "`same_type`" not in told


@pytest.mark.parametrize("n", [1, 5, 9, 31, ENOUGH - 1])
def test_a_small_study_says_so(n):
    assert f"small: {n} program" in say_size(n)


def test_a_small_study_says_in_how_many_programs_a_change_is_found():
    """Six that go one way are needed at once: 2 * (1/2)**6 is the first below 0.045."""
    assert "same way in 8 of them or more" in say_size(31)  # Binomial(31, 8/31) reaches 6 in 85%
    assert 0.8 < binom.sf(5, 31, 8 / 31) < 0.9 and binom.sf(5, 31, 7 / 31) < 0.8
    assert "1 program, too few to show any change" in say_size(1)
    assert not re.search(r"%|4 times in 5|\btest\b", say_size(31) + say_size(1))


def test_a_study_of_enough_programs_does_not():
    assert smallest_shown(ENOUGH, 1) <= LEAST_CHANGE < smallest_shown(ENOUGH - 1, 1)
    assert say_size(ENOUGH) == ""


def test_what_was_asked_is_two_sentences_that_name_the_edits():
    said = say_asked(["original", "rename_vars", "x"])
    assert len(re.findall(r"[.?](?: |$)", said)) == 2
    assert "under `rename_vars`, under `x`" in said
