"""Wrong variants by the thousand, made by syntax: the proof accepts none."""

import random
from collections import Counter
from pathlib import Path

import pytest

from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Edited, Hole
from planted import planted

pytestmark = pytest.mark.node


ROOT = Path(__file__).parents[2]
EVERY_SYNTAX = Path(__file__).parent / "data" / "every_syntax.ts"
FILES = {
    "immer/src/utils/plugins.ts": "rename_vars+rename_types",
    "rxjs/src/internal/Subject.ts": "strip_comments+rename_vars+alias_types",
    "mobx/src/types/observablevalue.ts": "rename_types+delete_annotations",
    "multiformats/src/bytes.ts": "mask_annotations+add_distractor@k3",
}


def check_planted(typescript: TypeScript, hole: Hole, edited: Edited, most: int) -> Counter[str]:
    """The reasons for which changes of a proven variant outside its gold are not proven."""
    original = (hole.prefix, hole.gold, hole.suffix)
    variant = (edited.prefix, edited.gold, edited.suffix)
    verdict = typescript.check(original, variant, edited.renames)
    assert verdict.reason is None, verdict.detail
    text = "".join(variant)
    start = len(edited.prefix)
    end = start + len(edited.gold)
    changes = [each for each in planted(text) if each["end"] <= start or each["start"] >= end]
    chosen = random.Random(0).sample(changes, min(most, len(changes)))
    reasons: Counter[str] = Counter()
    for change in chosen:
        at, to, new = change["start"], change["end"], change["text"]
        if to <= start:
            wrong = (text[:at] + new + text[to:start], edited.gold, edited.suffix)
        else:
            wrong = (edited.prefix, edited.gold, text[end:at] + new + text[to:])
        verdict = typescript.check(original, wrong, edited.renames)
        assert verdict.reason is not None, (change["what"], text[at - 40 : at], text[at:to], new)
        reasons[verdict.reason] += 1
    return reasons


def test_no_change_of_any_syntax_is_proven(typescript):
    [hole] = [
        hole
        for hole in typescript.holes(EVERY_SYNTAX.read_text()).holes
        if (hole.kind, hole.name) == ("parameter", "size")
    ]
    edit = "rename_vars+rename_types"
    edited = typescript.edit(edit, hole.prefix, hole.gold, hole.suffix, hole.name_start, 0)
    reasons = check_planted(typescript, hole, edited, 10**6)
    assert reasons.total() > 1900
    # The parser does not refuse them all, nor the checker; of some only their text tells.
    assert reasons["other_text"] > 200 and reasons["other_javascript"] > 100
    assert reasons["does_not_parse"] < reasons.total() / 2


@pytest.mark.parametrize("file", FILES)
def test_no_change_of_a_real_program_is_proven(typescript, file):
    text = (ROOT / "node_modules" / file).read_text(encoding="utf-8")
    hole = typescript.holes(text).holes[0]
    edit = FILES[file]
    edited = typescript.edit(edit, hole.prefix, hole.gold, hole.suffix, hole.name_start, 0)
    assert check_planted(typescript, hole, edited, 60).total() == 60
