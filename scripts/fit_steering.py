"""Fit steering vectors on the group `fit`: mean differences of pairs, concept vectors, controls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fimscope.experiments.patch.pairs import broken_rows
from fimscope.experiments.steer.tables import STEERING_VECTORS
from fimscope.experiments.steer.vectors import (
    Floats,
    Vector,
    VectorSet,
    flipped_and_zero,
    held_out_vectors,
    mean_difference,
    mean_norms,
    random_vectors,
    save_vectors,
    shuffled_vectors,
    type_vectors,
    vector_rows,
)
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.digests import file_sha256
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.typescript.tables import EXAMPLES

Row = Mapping[str, Any]


def fit_steering(
    original: Floats,
    variant: Floats,
    pairs: Sequence[Row],
    right: Floats,
    right_rows: Sequence[Row],
    others: Mapping[str, tuple[Floats, Sequence[str]]],
    options: Mapping[str, int],
) -> VectorSet:
    """All vectors of one fit.

    original, variant   [pair, point, d_model], residuals of the pairs' right and wrong side
    right               [example, point, d_model], residuals of right examples
    others              other edit -> differences [pair, point, d_model] and their programs
    options             n_shuffled, n_random, min_examples, seed

    Without a pair only the concept vectors are there.
    """
    programs = [row["program_id"] for row in pairs]
    golds = [row["gold"] for row in pairs]
    differences = original - variant
    vectors: list[Vector] = []
    if pairs:
        general = mean_difference(differences, programs, "mean_difference", "mean_difference")
        vectors += [general, *flipped_and_zero(general)]
        vectors += held_out_vectors(differences, golds, programs)
        vectors += shuffled_vectors(differences, programs, options["n_shuffled"], options["seed"])
        vectors += random_vectors(general.values.shape, options["n_random"], options["seed"])
    for edit, (own, own_programs) in others.items():
        vectors.append(mean_difference(own, own_programs, f"other_edit/{edit}", "other_edit"))
    vectors += type_vectors(
        right,
        [row["gold"] for row in right_rows],
        [row["program_id"] for row in right_rows],
        options["min_examples"],
    )
    everything = np.concatenate([variant, right])
    return VectorSet(vectors, mean_norms(everything))


def read_residuals(cache: ActivationCache, rows: Sequence[Row]) -> Floats:
    """The cached residuals at `last` of predictions, [row, point, d_model] float32."""
    places = [cache.rows[row["example_id"], row["edit"]] for row in rows]
    points = [cache.read(point, "last")[places].float().numpy() for point in range(cache.n_points)]
    return np.stack(points, axis=1)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--original", type=Path, required=True, help="predictions of `original`")
    parser.add_argument("--variants", type=Path, required=True, help="predictions of the edit")
    parser.add_argument(
        "--others", type=Path, nargs="*", required=True, help="predictions of the other edits"
    )
    parser.add_argument("--activations", type=Path, required=True, help="folder of the caches")
    parser.add_argument("--n-random", type=positive, required=True, help="random vectors")
    parser.add_argument(
        "--n-shuffled", type=positive, required=True, help="vectors of shuffled pairs"
    )
    parser.add_argument(
        "--min-examples",
        type=positive,
        required=True,
        help="right examples of a type with a vector",
    )
    parser.add_argument(
        "--seed", type=int, required=True, help="of the random and the shuffled vectors"
    )
    parser.add_argument("--out", type=Path, required=True, help="vectors.safetensors")
    parser.add_argument("--out-table", type=Path, required=True, help="the steering_vectors table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        examples = read_table(args.examples, EXAMPLES, ["example_id", "group"]).to_pylist()
        fit = {row["example_id"] for row in examples if row["group"] == "fit"}

        def predictions(path: Path) -> list[Row]:
            rows = read_table(path, PREDICTIONS).to_pylist()
            return [row for row in rows if row["example_id"] in fit]

        originals = {row["example_id"]: row for row in predictions(args.original)}
        before = ActivationCache(args.activations / "original")

        def sides(path: Path) -> tuple[list[Row], Floats, Floats]:
            pairs = broken_rows(predictions(path), originals)
            cache = ActivationCache(args.activations / path.stem)
            donors = [originals[row["example_id"]] for row in pairs]
            return pairs, read_residuals(before, donors), read_residuals(cache, pairs)

        others = {}
        for path in args.others:
            pairs, right, wrong = sides(path)
            if pairs:
                others[path.stem] = (right - wrong, [row["program_id"] for row in pairs])
        pairs, right, wrong = sides(args.variants)
        right_rows = [row for row in originals.values() if row["correct"]]
        options = {
            name: getattr(args, name) for name in ("n_random", "n_shuffled", "min_examples", "seed")
        }
        vectors = fit_steering(
            right, wrong, pairs, read_residuals(before, right_rows), right_rows, others, options
        )
        save_vectors(args.out, vectors)
        manifest["vectors"] = file_sha256(args.out)
        write_table(args.out_table, STEERING_VECTORS, vector_rows(vectors), manifest)
        log.info(
            "%d pairs, %d right examples, %d vectors",
            len(pairs),
            len(right_rows),
            len(vectors.by_name),
        )


if __name__ == "__main__":
    main()
