"""Variants that give no prompt are rejected with a reason, and cost no other its prompt."""

from functools import partial

import pytest

from build_prompts import build_prompts, warn_if_small
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.typescript.pool import TypeScriptPool
from tokenizers_for_tests import byte_tokenizer

PREFIX, SUFFIX = "export function f(a: ", ") { return a; }\n"
ORIGINAL = {
    **{"example_id": "e", "edit": "original", "program_id": "p", "kind": "parameter"},
    **{"name": "a", "gold": "string", "name_start": PREFIX.rindex("a")},
    **{"prefix": PREFIX, "suffix": SUFFIX},
}


def renamed(name: str) -> dict:
    """The same program with another name for its parameter."""
    return {
        **ORIGINAL,
        **{"edit": "rename_vars", "name": name, "prefix": PREFIX.replace("(a", f"({name}")},
        "suffix": SUFFIX.replace(" a;", f" {name};"),
    }


@pytest.mark.node
def test_a_variant_that_outgrows_the_model_is_rejected():
    encoder = Encoder(byte_tokenizer([PREFIX + SUFFIX] * 3))
    make = partial(PromptMaker, FORMATS["fim"], encoder, max_tokens=60, golds="all")
    variants = [ORIGINAL, renamed("bb"), renamed("z" * 40)]
    with TypeScriptPool(1) as pool:
        prompts, rejected = build_prompts(pool, make, {"e": ORIGINAL}, variants, longest=64)
        [all_prompts, none] = build_prompts(pool, make, {"e": ORIGINAL}, variants, longest=10**6)
    assert [prompt["text"].count("bb") for prompt in prompts] == [0, 2]
    [row] = rejected
    assert (row["reason"], row["edit"]) == ("over_budget", "rename_vars")
    n_tokens = len(all_prompts[2]["token_ids"])
    assert n_tokens > 64
    assert row["detail"] == f"{n_tokens} tokens; the model has room for 64"
    assert none == []


def test_a_study_that_is_too_small_says_so_once_before_its_model_runs(caplog):
    few = [{"program_id": str(n), "edit": "original"} for n in range(12)] * 2
    warn_if_small(few)
    [record] = caplog.records
    assert "This study is small: 12 programs" in record.message
    warn_if_small([{**row, "edit": "rename_vars"} for row in few])
    warn_if_small([{"program_id": str(n), "edit": "original"} for n in range(332)])
    assert len(caplog.records) == 1
