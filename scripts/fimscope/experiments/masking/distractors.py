"""What may distract from the type, masked in a prompt's text or chosen among its tokens."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fimscope.experiments.masking.ways import EDITS, SIBLINGS
from fimscope.prompts.maker import PromptMaker
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.prompts.regions import read_regions
from fimscope.report.format import counted
from fimscope.steps.seeds import seed_of
from fimscope.typescript.edit_names import RENAMING, parse_edit
from fimscope.typescript.results import TypeScriptError

Row = Mapping[str, Any]


def mask_text(
    maker: PromptMaker, original: Row, variant: Row, distractor: str, seed: int
) -> Prompt:
    """The prompt of a variant without one distractor.

    annotations   all but the hole's go, with their colons, as far as the type checker allows
    comments      all go
    names         of variables, parameters and functions become others that mean nothing; where the
                  variant's own edit has renamed them there is nothing to mask: others would not
                  hide them, and an example that the first ones broke is likely to fare better
    siblings      all that stands outside the hole's own function goes

    raises        Unfit or TypeScriptError, with a reason, where there is nothing to mask, or where
                  the compiler does not confirm that the program has kept its meaning
    """
    if distractor == SIBLINGS:
        return maker.make_own(original, variant)
    if distractor == "names" and any(step.name in RENAMING for step in parse_edit(variant["edit"])):
        raise Unfit("nothing_to_edit", f"{variant['edit']} has given the names others already")
    service = maker.typescript
    place = (variant["prefix"], variant["gold"], variant["suffix"])
    edited = service.edit(EDITS[distractor], *place, variant["name_start"], seed, False)
    masked = (edited.prefix, edited.gold, edited.suffix)
    verdict = service.check(place, masked, edited.renames)
    if verdict.reason is not None:
        raise TypeScriptError(verdict.reason, verdict.detail or "")
    changed = {**vars(edited), "edit": f"{variant['edit']}+{EDITS[distractor]}"}
    return maker.make(original, {**variant, **changed})


def n_lacking(before: list[int], after: list[int]) -> int:
    """How many tokens of a prompt another lacks, in a longest common order of the two."""
    from difflib import SequenceMatcher

    matches = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return len(before) - sum(match.size for match in matches)


def tokens_of(prompt: Row, kind: str) -> list[int]:
    """The token indices of all regions of a kind, but never the last token, which reads the rest.

    raises Unfit (position_missing) where the prompt has none
    """
    last = len(prompt["token_ids"]) - 1
    found = [
        token
        for region in read_regions(prompt)
        if region.kind == kind
        for token in range(region.start, region.end)
        if token != last
    ]
    if not found:
        raise Unfit("position_missing", f"no tokens of kind {kind}")
    return found


def draw_rest(prompt: Row, n: int, seed: int, what: str) -> list[int]:
    """As many random tokens of kind `rest`, ascending: the control.

    raises Unfit (position_missing) where the prompt has fewer
    """
    rest = tokens_of(prompt, "rest")
    if len(rest) < n:
        raise Unfit(
            "position_missing", f"{counted(n, 'token')} of kind rest asked for, {len(rest)} found"
        )
    rng = np.random.default_rng(seed_of(seed, "masking", what, prompt["example_id"]))
    return sorted(rng.choice(rest, n, replace=False).tolist())
