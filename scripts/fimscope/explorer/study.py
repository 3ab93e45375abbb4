"""All tables of a model's results, and what the explorer shows of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.attention.tables import ATTENTION_SHARES, ATTENTION_TOKENS
from fimscope.experiments.lens.tables import LENS, LINEAR_LENS
from fimscope.experiments.patch.tables import PATCHES
from fimscope.experiments.samples.tables import SAMPLES
from fimscope.experiments.steer.tables import STEERING_RESULTS
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.explorer import payload
from fimscope.explorer.blocks import pack
from fimscope.explorer.grouped import ByExample
from fimscope.explorer.listing import listing, mean_effects
from fimscope.explorer.pieces import Decode, token_pieces
from fimscope.files.tables import read_table
from fimscope.prompts.tables import PROMPTS
from fimscope.report.head import say_size
from fimscope.typescript.tables import EXAMPLES, VARIANTS

Row = Mapping[str, Any]

# Tables that an explorer needs, one file per edit, and those that it shows where they are given.
NEEDED = {"predictions": PREDICTIONS, "split": SPLIT, "variants": VARIANTS, "prompts": PROMPTS}
OPTIONAL = {
    "lens": LENS,
    "linear_lens": LINEAR_LENS,
    "attention_tokens": ATTENTION_TOKENS,
    "attention_shares": ATTENTION_SHARES,
    "patches": PATCHES,
    "samples": SAMPLES,
    "steering": STEERING_RESULTS,
}
VARIANT = ["example_id", "edit"]
COLUMNS = {
    "variants": [*VARIANT, "gold", "prefix", "suffix", "renames"],
    "prompts": [*VARIANT, "token_ids", "positions", "window"],
}


class Study:
    """All tables of a model's results, by example.

    examples   rows of the examples table that the model was asked, in its order, without their text
    n_asked    how many there are before some were chosen, and `n_programs`, of how many programs
    """

    def __init__(
        self,
        examples: Path,
        paths: Mapping[str, Sequence[Path]],
        decode: Decode,
        chosen: Collection[str] | None = None,
    ):
        """chosen: the examples that are shown, by id; None: all"""
        self.paths, self.decode = paths, lru_cache(maxsize=1_000_000)(decode)
        self.tables = {
            name: ByExample(paths[name], kind, COLUMNS.get(name))
            for name, kind in {**NEEDED, **OPTIONAL}.items()
        }
        columns = [name for name in EXAMPLES.schema.names if name not in ("prefix", "suffix")]
        rows = read_table(examples, EXAMPLES, columns).to_pylist()
        asked = [row for row in rows if row["example_id"] in self.tables["predictions"]]
        self.n_asked, self.n_programs = len(asked), len({row["program_id"] for row in asked})
        self.examples = [row for row in asked if chosen is None or row["example_id"] in chosen]
        self.edits = {row["example_id"]: list(self.by_edit("predictions", row)) for row in rows}

    def by_edit(self, name: str, example: Row) -> dict[str, list[Row]]:
        """The rows that a table has of an example, by edit."""
        found: dict[str, list[Row]] = {}
        for row in self.tables[name].rows(example["example_id"]):
            found.setdefault(row["edit"], []).append(row)
        return found

    def one_by_edit(self, name: str, example: Row) -> dict[str, Row]:
        """The row that a needed table has of each of an example's variants.

        raises UserError where it lacks a variant that was predicted
        """
        found = {edit: rows[0] for edit, rows in self.by_edit(name, example).items()}
        for edit in self.edits[example["example_id"]]:
            if edit not in found:
                raise UserError(
                    f"{name}: no row of example {example['example_id']}, edit {edit}, which the "
                    "predictions have; make the tables again from the same variants"
                )
        return found


def describe_example(study: Study, example: Row) -> dict[str, Any]:
    """All that the page of one example shows."""
    needed = {name: study.one_by_edit(name, example) for name in NEEDED}
    shown = {name: study.by_edit(name, example) for name in OPTIONAL}
    original = needed["variants"].get("original")
    if original is None:
        raise UserError(f"variants: no original of example {example['example_id']}; give its table")
    variants = []
    for edit in study.edits[example["example_id"]]:
        prompt = needed["prompts"][edit]
        pieces = token_pieces(study.decode, prompt["token_ids"])
        variants.append(
            {
                "edit": edit,
                "source": payload.edited_source(original, needed["variants"][edit]),
                "answer": payload.answer(needed["predictions"][edit], needed["split"][edit]),
                "prompt": payload.prompt(prompt, pieces),
                "lens": payload.lens(
                    [
                        *shown["lens"].get(edit, []),
                        *payload.linear_lens(shown["linear_lens"].get(edit, [])),
                    ]
                ),
                "attention": payload.heads(shown["attention_tokens"].get(edit, [])),
                "shares": payload.shares(shown["attention_shares"].get(edit, [])),
                "pairs": payload.pairs(shown["patches"].get(edit, [])),
                "steering": payload.steering(shown["steering"].get(edit, [])),
                "samples": payload.samples(shown["samples"].get(edit, [])),
            }
        )
    return {
        "id": example["example_id"],
        "source": payload.source(original),
        "variants": variants,
    }


def list_variants(study: Study, name: str) -> dict[str, Any]:
    """The first view: what there is, and the list of all variants; `name` says of what."""
    answers = []
    for number, example in enumerate(study.examples):
        predictions = study.one_by_edit("predictions", example)
        splits = study.one_by_edit("split", example)
        answers += [(number, predictions[edit], splits[edit]) for edit in predictions]
    effects = mean_effects(study.tables["patches"].table)
    return {
        "model": name,
        "notes": [*filter(None, (say_size(study.n_programs).replace("`", ""), say_chosen(study)))],
        "shown": [name for name in OPTIONAL if study.paths[name]],
        **listing(study.examples, answers, effects),
    }


def say_chosen(study: Study) -> str:
    """That the pages show a part of the examples; nothing where they show all."""
    if len(study.examples) == study.n_asked:
        return ""
    return (
        f"The explorer shows {len(study.examples)} of the {study.n_asked} examples that the model "
        "was asked, drawn so that every outcome has as many; a study's own explorer has all."
    )


def example_blocks(study: Study) -> Iterator[tuple[str, str]]:
    """Name and packed data of every example that is shown, in the list's order."""
    for number, example in enumerate(study.examples):
        yield str(number), pack(describe_example(study, example))
