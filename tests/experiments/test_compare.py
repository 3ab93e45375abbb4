"""Models side by side: only where they were asked the same variants, and how, where they differ."""

import pytest

from fimscope.errors import UserError
from fimscope.experiments.compare.numbers import study_facts
from fimscope.experiments.compare.section import say_asked
from fimscope.files.tables import write_table
from fimscope.prompts.tables import PROMPTS


def ask(folder, name: str, variants: str, max_tokens: int) -> None:
    """A prompts table whose manifest says what it was made of."""
    options = {"format": "fim", "max_tokens": max_tokens, "golds": "single_token"}
    manifest = {"inputs": {"variants": [variants]}, "settings": {**options, "seconds": 9}}
    write_table(folder / name / "prompts" / "rename_vars.parquet", PROMPTS, [], manifest)


def test_models_of_other_variants_are_not_compared(tmp_path):
    ask(tmp_path, "one", "a" * 64, 160)
    ask(tmp_path, "two", "b" * 64, 160)
    with pytest.raises(UserError, match="one and two were asked other variants under rename_vars"):
        study_facts(tmp_path, ["one", "two"], "rename_vars")


def test_models_with_other_windows_are_compared_and_it_is_said(tmp_path):
    ask(tmp_path, "one", "a" * 64, 160)
    ask(tmp_path, "two", "a" * 64, 256)
    facts = study_facts(tmp_path, ["one", "two"], "rename_vars")
    assert [facts[name]["max_tokens"] for name in facts] == [160, 256]
    assert (
        "`one` with `prompt.max_tokens` 160; `two` with `prompt.max_tokens` 256"
        in say_asked(facts)[0]
    )
    assert say_asked({"one": facts["one"]}) == []
    assert say_asked({"one": facts["one"], "same": facts["one"]}) == []


def test_a_study_that_does_not_say_how_it_was_asked_is_named(tmp_path):
    with pytest.raises(UserError, match="rename_vars.parquet: no such file"):
        study_facts(tmp_path, ["none"], "rename_vars")
