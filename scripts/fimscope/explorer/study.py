"""All tables of a model's results, and what the explorer shows of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.algorithms.tables import ALGORITHMS
from fimscope.experiments.attention.tables import ATTENTION_SHARES, ATTENTION_TOKENS
from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.lens.tables import DIRECT_HEADS, DIRECT_LOGITS, LENS, LINEAR_LENS
from fimscope.experiments.masking.tables import MASKING
from fimscope.experiments.patch.tables import PATCHES
from fimscope.experiments.probes.tables import PROBES
from fimscope.experiments.samples.tables import SAMPLED_TYPES, SAMPLES
from fimscope.experiments.steer.tables import STEERING_RESULTS
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.experiments.traces.tables import TRACES
from fimscope.explorer import causes, payload
from fimscope.explorer.alike import Alike, directions
from fimscope.explorer.blocks import pack
from fimscope.explorer.grouped import ByExample
from fimscope.explorer.listing import listing, mean_effects
from fimscope.explorer.pieces import Decode, token_pieces
from fimscope.explorer.verdict import verdict
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.provenance import manifest_of
from fimscope.files.tables import read_table
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.report.format import counted
from fimscope.report.head import say_size
from fimscope.typescript.tables import EXAMPLES, VARIANTS

Row = Mapping[str, Any]

# Tables that an explorer needs, one file per edit, and those that it shows where they are given.
NEEDED = {"predictions": PREDICTIONS, "split": SPLIT, "variants": VARIANTS, "prompts": PROMPTS}
OPTIONAL = {
    "lens": LENS,
    "linear_lens": LINEAR_LENS,
    "direct_logits": DIRECT_LOGITS,
    "direct_heads": DIRECT_HEADS,
    "attention_tokens": ATTENTION_TOKENS,
    "attention_shares": ATTENTION_SHARES,
    "patches": PATCHES,
    "patch_positions": PATCHES,
    "components": COMPONENTS,
    "traces": TRACES,
    "algorithms": ALGORITHMS,
    "masking": MASKING,
    "samples": SAMPLES,
    "sampled_types": SAMPLED_TYPES,
    "steering": STEERING_RESULTS,
    "icl": ICL,
    "probes": PROBES,
}
VARIANT = ["example_id", "edit"]
PAIR = [*VARIANT, "condition", "pair_id", "donor_kind"]
PATCH = [
    *(*PAIR, "donor_example_id", "point", "n_points", "position", "predicted"),
    *("predicted_token_id", "gold_logprob", "foil_logprob", "target_logprob", "logit_diff"),
    "normalised_effect",
]
# What is read of the large tables.
COLUMNS = {
    "variants": [*VARIANT, "gold", "prefix", "suffix", "renames"],
    "prompts": [*VARIANT, "token_ids", "positions", "window"],
    "patches": PATCH,
    "patch_positions": PATCH,
    "components": [*PAIR, "component", "block", "head", "normalised_effect"],
}


class Study:
    """All tables of a model's results, by example.

    activations   the folder of the originals' residuals, where there is one
    examples      rows of the examples table that the model was asked, in its order, without their
                  text
    alike         the holes most like each of them
    most_tokens   of a completion; None where the predictions do not say
    n_asked       how many there are before some were chosen, and `n_programs`, of how many programs
    """

    def __init__(
        self,
        examples: Path,
        paths: Mapping[str, Sequence[Path]],
        encoder: Encoder,
        activations: Path | None = None,
        chosen: Collection[str] | None = None,
    ):
        """chosen: the examples that are shown, by id; None: all"""
        self.paths, self.encoder = paths, encoder
        self.decode = lru_cache(maxsize=1_000_000)(encoder.decode)
        self.most_tokens = _settings(paths["predictions"]).get("max_new_tokens")
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
        cache = activations and ActivationCache(activations)
        self.alike = Alike(self.examples, directions(cache, self.examples) if cache else None)

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

    def cut_at(self, completion: str) -> int | None:
        """The most tokens that a completion might have, where it has as many; None where not.

        Counted anew of the text: where the tokenizer spells it in fewer tokens than the model did,
        it counts as come to its end.
        """
        most = self.most_tokens
        return most if most and len(self.encoder.encode_inside(completion).ids) >= most else None


def _settings(paths: Sequence[Path]) -> Mapping[str, Any]:
    """Of the step that made tables, by their manifests; nothing where these do not say."""
    manifests = filter(None, map(manifest_of, paths))
    return next((manifest.get("settings", {}) for manifest in manifests), {})


def describe_example(study: Study, number: int) -> dict[str, Any]:
    """All that the page of one example shows, by its number among the examples."""
    example = study.examples[number]
    needed = {name: study.one_by_edit(name, example) for name in NEEDED}
    shown = {name: study.by_edit(name, example) for name in OPTIONAL}
    original = needed["variants"].get("original")
    if original is None:
        raise UserError(f"variants: no original of example {example['example_id']}; give its table")
    variants = []
    for edit in study.edits[example["example_id"]]:
        of_edit = {name: found.get(edit, []) for name, found in shown.items()}
        prompt, predicted = needed["prompts"][edit], needed["predictions"][edit]
        cut_at = study.cut_at(predicted["completion"])
        pieces = token_pieces(study.decode, prompt["token_ids"])
        variants.append(
            {
                "edit": edit,
                "source": payload.edited_source(original, needed["variants"][edit]),
                "answer": payload.answer(predicted, needed["split"][edit], cut_at),
                "prompt": payload.prompt(prompt, pieces),
                **_of_variant(of_edit, study.decode),
            }
        )
    return {
        "id": example["example_id"],
        "source": payload.source(original),
        "variants": variants,
        "traces": causes.traces(study.tables["traces"].rows(example["example_id"])),
        "alike": {"holes": study.alike.of(number), "note": study.alike.note(number)},
    }


def _of_variant(rows: Mapping[str, list[Row]], decode: Decode) -> dict[str, Any]:
    """What the optional tables say of one variant, by panel; nothing of those without rows."""
    changes, masks = causes.changes(rows["algorithms"]), causes.masks(rows["masking"])
    return {
        "why": verdict(changes, masks, rows["patches"]),
        "lens": payload.lens([*rows["lens"], *payload.linear_lens(rows["linear_lens"])]),
        "direct": payload.direct(rows["direct_logits"], rows["direct_heads"], decode),
        "attention": payload.heads(rows["attention_tokens"]),
        "shares": payload.shares(rows["attention_shares"]),
        "pairs": payload.pairs(rows["patches"]),
        "positions": payload.pairs(rows["patch_positions"]),
        "parts": causes.parts(rows["components"]),
        "changes": changes,
        "masks": masks,
        "steering": payload.steering(rows["steering"]),
        "samples": payload.samples(rows["samples"], rows["sampled_types"]),
        "shots": causes.shots(rows["icl"]),
        "probes": causes.probes(rows["probes"]),
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
        "scope": say_scope(study),
        "notes": [*filter(None, (say_size(study.n_programs).replace("`", ""), say_chosen(study)))],
        "shown": [name for name in OPTIONAL if study.paths[name]],
        **listing(study.examples, answers, effects),
    }


def say_scope(study: Study) -> str:
    """Which holes are no examples here, where the study asks for golds of one token alone."""
    if _settings(study.paths["prompts"]).get("golds") != "single_token":
        return ""
    return (
        "Listed are holes whose gold is one token (prompt.golds). Longer ones (whole_types, "
        "samples, whole_patches) are in the report and the tables alone."
    )


def say_chosen(study: Study) -> str:
    """That the pages show a part of the examples; nothing where they show all."""
    if len(study.examples) == study.n_asked:
        return ""
    return (
        f"The explorer shows {len(study.examples)} of the {counted(study.n_asked, 'example')} "
        "that the model "
        "was asked, drawn so that every outcome has as many, as far as there are; a study's own "
        "explorer has all of these."
    )


def example_blocks(study: Study) -> Iterator[tuple[str, str]]:
    """Name and packed data of every example that is shown, in the list's order."""
    for number in range(len(study.examples)):
        yield str(number), pack(describe_example(study, number))
