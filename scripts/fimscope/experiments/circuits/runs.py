"""Which prompts circuits are found in and tried on, each beside a corrupted one of its example."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fimscope.experiments.outcomes import OUTCOMES
from fimscope.files.rejections import rejection
from fimscope.prompts.alignment import is_aligned_pair
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
STEP = "attribute_edges"
PART_OF_GROUP = {"fit": "find", "select": "find", "test": "test"}


def pair_runs(
    originals: Mapping[str, Row], variants: Mapping[str, Row], seed: int
) -> tuple[list[Row], list[Row]]:
    """The run of each example that has one, and rows of the rejected table for all others.

    originals, variants   example_id -> its row of prompts and of predictions, as one

    An example has a run where its two prompts have the same tokens but for some, each in its place,
    and two answers. A right original is run beside its variant, or the broken variant beside
    its original, by a draw of the program's: an example never counts on both sides, which are the
    two ends of one contrast. A wrong original is run beside its variant.
    """
    runs, rejected = [], []
    for example_id in sorted(variants):
        variant, original = variants[example_id], originals.get(example_id)
        reason = _why_none(original, variant)
        if reason:
            own = {"example_id": example_id, "edit": variant["edit"]}
            rejected.append(rejection(STEP, *reason, **own))
            continue
        is_broken = original["correct"] and seed_of(seed, STEP, original["program_id"]) % 2
        own, other = (variant, original) if is_broken else (original, variant)
        right = "broken" if is_broken else "right"
        runs.append(
            {
                **{key: own[key] for key in ("example_id", "edit", "program_id")},
                "outcome": right if original["correct"] else "wrong",
                "corrupted_edit": other["edit"],
                "n_tokens": len(own["token_ids"]),
                "n_changed": sum(map(int.__ne__, own["token_ids"], other["token_ids"])),
                "target_token_id": own["predicted_token_id"],
                "foil_token_id": other["predicted_token_id"],
            }
        )
    return runs, rejected


def _why_none(original: Row | None, variant: Row) -> tuple[str, str] | None:
    """Reason and detail of what is left out."""
    if original is None:
        return "not_paired", "the original was not asked"
    if not is_aligned_pair(original, variant):
        return "not_aligned", "other tokens, or as many in other places, or the same prompt"
    if original["predicted_token_id"] == variant["predicted_token_id"]:
        return "same_answer", "original and variant are answered alike"
    return None


def draw_runs(
    runs: Sequence[Row], groups: Mapping[str, str], max_find: int, max_test: int, seed: int
) -> list[Row]:
    """At most so many runs of each outcome to find circuits in and to try them on, with `part`.

    groups   example_id -> fit, select or test

    Of a program one run at most: runs are independent, and a draw of labels is one of programs.
    The rarest outcome is drawn first.
    """
    most = {"find": max_find, "test": max_test}
    with_part = [{**run, "part": PART_OF_GROUP[groups[run["example_id"]]]} for run in runs]
    taken: set[str] = set()
    drawn = []
    for part, n in most.items():
        of_part = [run for run in with_part if run["part"] == part]
        counts = {o: sum(run["outcome"] == o for run in of_part) for o in OUTCOMES}
        for outcome in sorted(OUTCOMES, key=counts.__getitem__):
            own = [run for run in of_part if run["outcome"] == outcome]
            drawn += _of_programs(own, n, seed, taken)
    return sorted(drawn, key=lambda run: (run["part"], run["outcome"], run["example_id"]))


def _of_programs(runs: Sequence[Row], n: int, seed: int, taken: set[str]) -> Iterator[Row]:
    """The first n runs by draw whose programs are not taken, which they then are."""
    for run in sorted(runs, key=lambda run: seed_of(seed, STEP, run["example_id"])):
        if n and run["program_id"] not in taken:
            taken.add(run["program_id"])
            n -= 1
            yield run
