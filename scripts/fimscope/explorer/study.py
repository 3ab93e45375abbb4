"""All tables of a model's results, and what the explorer shows of them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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
from fimscope.experiments.whole_patches.tables import WHOLE_PAIRS, WHOLE_PATCHES
from fimscope.experiments.whole_types.tables import COMPLETIONS, VERDICTS
from fimscope.explorer import causes, payload, whole
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
from fimscope.report.links import LONGER, ONE_TOKEN
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
    "whole_types": VERDICTS,
    "completions": COMPLETIONS,
    "whole_patches": WHOLE_PATCHES,
    "whole_pairs": WHOLE_PAIRS,
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
    "prompts": [*VARIANT, "token_ids", "gold_token_ids", "positions", "window"],
    "patches": PATCH,
    "patch_positions": PATCH,
    "components": [*PAIR, "component", "block", "head", "normalised_effect"],
    "whole_types": [*VARIANT, "gold", "n_gold_tokens", *whole.VERDICT],
    "completions": [*VARIANT, "n_tokens", "token_ids", "completion", "n_new_tokens", "ended"],
    "whole_patches": [*PAIR, "point", "normalised_effect", "turned"],
    "whole_pairs": [
        *("recipient_example_id", "condition", "pair_id", "donor_kind", "donor_example_id"),
        *("donor_edit", "target", "foil"),
    ],
}


class Study:
    """All tables of a model's results, by example.

    activations   the folder of the originals' residuals, where there is one
    examples      rows of the examples table that the model was asked, in its order, without their
                  text: by the predictions, and for whole types where the gold is longer
    predicted     example -> the edits of its variants that the predictions ask
    longer        example -> edit -> its outcome, of those of longer golds that these do not ask
    alike         the holes most like each of them
    most_tokens   of a completion; None where the predictions do not say
    n_asked       by length of the gold how many there are before some were chosen; an example that
                  the predictions ask is of one token here
    n_programs    of how many programs those are that the predictions ask
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
        self.predicted = {row["example_id"]: list(self.by_edit("predictions", row)) for row in rows}
        keys = {(name, edit) for name, edits in self.predicted.items() for edit in edits}
        verdicts = self.tables["whole_types"].table
        self.longer = whole.longer_splits(verdicts.to_pylist() if verdicts else (), keys)
        asked = [row for row in rows if self.edits(row)]
        self.n_asked = Counter(map(self.asked_of, asked))
        programs = {row["program_id"] for row in asked if self.predicted[row["example_id"]]}
        self.n_programs = len(programs)
        self.examples = [row for row in asked if chosen is None or row["example_id"] in chosen]
        cache = activations and ActivationCache(activations)
        self.alike = Alike(self.examples, directions(cache, self.examples) if cache else None)

    def by_edit(self, name: str, example: Row) -> dict[str, list[Row]]:
        """The rows that a table has of an example, by edit."""
        found: dict[str, list[Row]] = {}
        for row in self.tables[name].rows(example["example_id"]):
            found.setdefault(row["edit"], []).append(row)
        return found

    def edits(self, example: Row) -> list[str]:
        """The edits of its variants that were asked, the original first."""
        name = example["example_id"]
        return sorted([*self.predicted[name], *self.longer.get(name, ())], key="original".__ne__)

    def asked_of(self, example: Row) -> str:
        """The golds that it is listed for: of one token where the predictions ask it."""
        return ONE_TOKEN if self.predicted[example["example_id"]] else LONGER

    def one_by_edit(self, name: str, example: Row, edits: Collection[str]) -> dict[str, Row]:
        """The row that a table has of each of some of an example's variants.

        raises UserError where it lacks one
        """
        found = (
            {edit: rows[0] for edit, rows in self.by_edit(name, example).items()} if edits else {}
        )
        for edit in edits:
            if edit not in found:
                raise UserError(
                    f"{name}: no row of example {example['example_id']}, edit {edit}, which the "
                    "model was asked; make the tables again from the same variants"
                )
        return found

    def answers(self, example: Row) -> dict[str, tuple[Row, Row]]:
        """edit -> its rows of predictions and split; of longer golds, rows like these."""
        predicted, longer = self._asked(example)
        predictions, splits = (
            self.one_by_edit(name, example, predicted) for name in ("predictions", "split")
        )
        completions, verdicts = (
            self.one_by_edit(name, example, longer) for name in ("completions", "whole_types")
        )
        found = {edit: (predictions[edit], splits[edit]) for edit in predicted} | {
            edit: (whole.as_prediction(verdicts[edit], completions[edit]), split)
            for edit, split in longer.items()
        }
        return {edit: found[edit] for edit in self.edits(example)}

    def prompts(self, example: Row) -> dict[str, tuple[Row, int | None]]:
        """edit -> the row of its prompt, and the tokens at which its completion was cut, if it was.

        Of longer golds a row like one of the prompts.
        """
        predicted, longer = self._asked(example)
        prompts, predictions = (
            self.one_by_edit(name, example, predicted) for name in ("prompts", "predictions")
        )
        completions = self.one_by_edit("completions", example, longer)
        return {
            edit: (prompts[edit], self.cut_at(predictions[edit]["completion"]))
            for edit in predicted
        } | {
            edit: (whole.as_prompt(completions[edit]), whole.cut_at(completions[edit]))
            for edit in longer
        }

    def _asked(self, example: Row) -> tuple[list[str], dict[str, Row]]:
        name = example["example_id"]
        return self.predicted[name], self.longer.get(name, {})

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
    programs = study.one_by_edit("variants", example, study.edits(example))
    original = programs.get("original")
    if original is None:
        raise UserError(f"variants: no original of example {example['example_id']}; give its table")
    shown = {name: study.by_edit(name, example) for name in OPTIONAL if name != "whole_pairs"}
    pairs = study.tables["whole_pairs"].rows(example["example_id"])
    prompts = study.prompts(example)
    variants = []
    for edit, (prediction, split) in study.answers(example).items():
        of_edit = {name: found.get(edit, []) for name, found in shown.items()}
        prompt, cut_at = prompts[edit]
        pieces = token_pieces(study.decode, prompt["token_ids"])
        variants.append(
            {
                "edit": edit,
                "is_predicted": edit in study.predicted[example["example_id"]],
                "source": payload.edited_source(original, programs[edit]),
                "answer": payload.answer(prediction, split, cut_at),
                "prompt": payload.prompt(prompt, pieces),
                **_of_variant(of_edit, pairs, study.decode),
            }
        )
    return {
        "id": example["example_id"],
        "source": payload.source(original),
        "variants": variants,
        "traces": causes.traces(study.tables["traces"].rows(example["example_id"])),
        "alike": {"holes": study.alike.of(number), "note": study.alike.note(number)},
    }


def _of_variant(
    rows: Mapping[str, list[Row]], pairs: Sequence[Row], decode: Decode
) -> dict[str, Any]:
    """What the optional tables say of one variant, by panel; nothing of those without rows.

    pairs   of whole types, of its example
    """
    changes, masks = causes.changes(rows["algorithms"]), causes.masks(rows["masking"])
    lent = whole.lent(rows["whole_patches"], pairs)
    return {
        "why": verdict(changes, masks, rows["patches"], lent),
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
        "whole": whole.judged(rows["whole_types"]),
        "lent": lent,
    }


def gold_lengths(prompts: pa.Table) -> dict[whole.Key, str]:
    """(example, edit) -> the length of its gold, of rows of the prompts table."""
    n_tokens = pc.list_value_length(prompts["gold_token_ids"]).to_pylist()
    keys = zip(*(prompts[name].to_pylist() for name in VARIANT), strict=True)
    return dict(zip(keys, map(whole.length_of, n_tokens), strict=True))


def list_variants(study: Study, name: str) -> dict[str, Any]:
    """The first view: what there is, and the list of all variants; `name` says of what."""
    lengths = gold_lengths(study.tables["prompts"].table)
    answers = [
        (number, *rows, lengths.get((example["example_id"], edit), LONGER))
        for number, example in enumerate(study.examples)
        for edit, rows in study.answers(example).items()
    ]
    effects = mean_effects(study.tables["patches"].table)
    return {
        "model": name,
        "scope": say_scope(study),
        "notes": [*filter(None, (say_size(study.n_programs).replace("`", ""), say_chosen(study)))],
        "shown": [name for name, paths in study.paths.items() if paths],
        **listing(study.examples, answers, effects),
    }


def say_scope(study: Study) -> str:
    """Which holes are listed, and by what an answer is right; nothing where no prompts say it."""
    golds = _settings(study.paths["prompts"]).get("golds")
    if golds is None:
        return ""
    if golds != "single_token":
        return (
            "Listed are holes with golds of any length (prompt.golds). Of a gold of one token the "
            "first token of the answer decides whether it is right, of a longer one the completed "
            "type."
        )
    first = "golds of one token (prompt.golds), right by the first token of the answer"
    if not study.longer:
        return f"Listed are holes with {first}. Longer ones come with whole_types."
    return (
        f"Listed are holes with {first}, and longer ones that whole_types drew "
        "(answers.max_examples), right by the compiler's verdict on the whole type."
    )


def say_chosen(study: Study) -> str:
    """That the pages show a part of the examples; nothing where they show all."""
    shown = Counter(map(study.asked_of, study.examples))
    if shown == study.n_asked:
        return ""
    longer = (
        f", and {shown[LONGER]} of the {study.n_asked[LONGER]:,} with longer golds"
        if study.n_asked[LONGER]
        else ""
    )
    return (
        f"The explorer shows {shown[ONE_TOKEN]} of the "
        f"{counted(study.n_asked[ONE_TOKEN], 'example')} "
        f"that the model was asked{longer}, drawn so that every outcome has as many, as far as "
        "there are; a study's own explorer has all of these."
    )


def example_blocks(study: Study) -> Iterator[tuple[str, str]]:
    """Name and packed data of every example that is shown, in the list's order."""
    for number in range(len(study.examples)):
        yield str(number), pack(describe_example(study, number))
