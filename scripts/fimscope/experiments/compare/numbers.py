"""Numbers of several models side by side, on each one's own examples and on those of all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from fimscope.errors import UserError
from fimscope.files.digests import read_json
from fimscope.files.tables import read_manifest
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers

Answers = dict[str, tuple[str, bool]]  # example_id -> program_id, right


def comparison_numbers(models: Mapping[str, tuple[pa.Table, pa.Table]]) -> dict[str, Numbers]:
    """Accuracy before and after the edit, and the share that it breaks, model by model.

    models    name -> its predictions of the originals, and of the edit
    returns   name -> own, common: the numbers of `_numbers`, over all examples that this model
              answered in both forms, and over those that every model did
    """
    answers = {name: tuple(map(read_answers, tables)) for name, tables in models.items()}
    own = {name: sorted(set(before) & set(after)) for name, (before, after) in answers.items()}
    common = sorted(set.intersection(*map(set, own.values())))
    return {
        name: {
            "own": _numbers(*answers[name], own[name]),
            "common": _numbers(*answers[name], common),
        }
        for name in models
    }


def study_facts(results: Path, models: Sequence[str], edit: str) -> dict[str, Numbers]:
    """How each model was asked: model -> the options of its prompts, by their tables' manifests.

    raises UserError where two models were asked other variants: of another source, by other names
    """
    manifests = {
        name: read_manifest(results / name / "prompts" / f"{edit}.parquet") for name in models
    }
    variants = {name: manifest["inputs"]["variants"] for name, manifest in manifests.items()}
    first, *others = models
    for name in others:
        if variants[name] != variants[first]:
            raise UserError(
                f"{results}: {first} and {name} were asked other variants under {edit}, of another "
                "source or with other names; run the predictions of both with one source and seed"
            )
    kept = ("format", "max_tokens", "golds")
    return {
        name: {option: manifest["settings"][option] for option in kept}
        for name, manifest in manifests.items()
    }


def model_facts(folder: Path) -> Numbers:
    """Family, blocks and number of parameters of a prepared model; raises UserError."""
    path = folder / "prepared.json"
    try:
        prepared = read_json(path)
        return {key: prepared[key] for key in ("family", "n_blocks", "n_parameters")}
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: not readable ({error}); run prepare_model again") from None


def read_answers(predictions: pa.Table) -> Answers:
    """The answers of a predictions table."""
    columns = (predictions[key].to_pylist() for key in ("example_id", "program_id", "correct"))
    return {example: (program, right) for example, program, right in zip(*columns, strict=True)}


def _numbers(before: Answers, after: Answers, examples: list[str]) -> Numbers:
    """n, n_programs; original, edited and broken, each with estimate, lower, upper; None where n is
    0. `broken` is a share of the n_right that are right before the edit."""
    right = [example for example in examples if before[example][1]]
    return {
        "n": len(examples),
        "n_programs": len({before[example][0] for example in examples}),
        "n_right": len(right),
        "original": _rate(before, examples),
        "edited": _rate(after, examples),
        "broken": _rate({e: (p, not ok) for e, (p, ok) in after.items()}, right),
    }


def _rate(answers: Answers, examples: list[str]) -> Numbers | None:
    if not examples:
        return None
    programs, rights = zip(*(answers[example] for example in examples), strict=True)
    return Clustered.of(np.array(rights), programs).rate().numbers()
