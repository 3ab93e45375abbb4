"""Patch subspaces of the stream at the last token: the types' directions, and others beside."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.groups import read_groups
from fimscope.experiments.patch.donors import (
    donor_key,
    read_token_ids,
    recipient_key,
)
from fimscope.experiments.patch.measures import (
    Patched,
    patch_table,
)
from fimscope.experiments.subspace.bases import (
    Space,
    ladder,
    list_parts,
)
from fimscope.experiments.subspace.swept import (
    fit_spaces,
    in_order,
    part_columns,
    points_reached,
    read_effects,
    read_pairs,
    sweep_parts,
    write_part,
)
from fimscope.experiments.subspace.tables import (
    SUBSPACE_DIRECTIONS,
    SUBSPACE_MEANS,
    SUBSPACE_PATCHES,
)
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import ActivationCache, LastResiduals
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from torch import Tensor


Row = Mapping[str, Any]
PATCHED_PARTS = ("types", "complement", "variance", "random")
# `select` chooses the types' point and rank, and needs no rivals.
WRITTEN_PARTS = {"select": ("types",), "test": ("types", "variance", "random")}


def patch_rows(pairs: Sequence[Row], space: Space, ranks: Sequence[int]) -> list[Row]:
    """Each pair with each part of the stream: rows as those of a pairs table, its `part` beside."""
    parts = list_parts(space, ranks, PATCHED_PARTS)
    return [{**pair, "donor_kind": part.kind, "part": part} for pair in pairs for part in parts]


def written_rows(
    predictions: Sequence[Row],
    groups: Mapping[str, str],
    space: Space,
    ranks: Sequence[int],
    max_examples: int,
    seed: int,
) -> list[Row]:
    """Variants of `select` and `test` whose gold has a mean, with each part that it is written in.

    At most so many right and wrong ones of each group. Left out is what the first token does not
    tell: a wrong answer that starts as the gold does, and a right one that starts otherwise.
    """
    types = set(space.types)
    own_ranks = [rank for rank in ranks if rank <= space.n_directions]
    found = []
    for group, kinds in WRITTEN_PARTS.items():
        parts = list_parts(space, own_ranks, kinds)
        for right in (False, True):
            own = [
                row
                for row in predictions
                if groups[row["example_id"]] == group
                and row["gold"] in types
                and row["correct"] == right == (row["predicted_token_id"] == row["gold_token_id"])
            ]
            own.sort(key=lambda row: seed_of(seed, "sweep_subspace", row["example_id"]))
            found += [
                {
                    **{key: row[key] for key in ("example_id", "edit", "program_id", "gold")},
                    "group": group,
                    "outcome": "right" if right else "wrong",
                    "recipient_example_id": row["example_id"],
                    "recipient_edit": row["edit"],
                    "gold_token_id": row["gold_token_id"],
                    "target_token_id": row["gold_token_id"],
                    "foil_token_id": row["predicted_token_id"],
                    "part": part,
                }
                for row in own[:max_examples]
                for part in parts
            ]
    return found


def means_rows(
    swept: Sequence[Patched], points: Sequence[int], encoder: Encoder
) -> Iterator[dict[str, Any]]:
    """Rows of the subspace_means table."""
    keys = ("example_id", "edit", "program_id", "gold", "group", "outcome")
    for patched in swept:
        row, part = patched.pair, patched.pair["part"]
        for i, point in enumerate(points):
            token = int(patched.top_ids[i])
            yield {
                **{key: row[key] for key in keys},
                "part": part.kind,
                "point": point,
                "rank": part.rank,
                "draw": part.draw,
                "predicted": encoder.decode([token]).strip(),
                "predicted_token_id": token,
                "to_gold": token == row["gold_token_id"],
                "gold_logprob": patched.logits["gold"][i] - patched.logsumexp[i],
            }


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--predictions", **many, help="of `original` and of the edit")
    parser.add_argument("--prompts", **many, help="of the same two")
    parser.add_argument("--activations", **many, help="folders of their caches")
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument("--patches", **many, help="patches/{condition}.parquet, with restore")
    add_model_options(parser)
    parser.add_argument("--conditions", nargs="+", required=True, help="whose pairs are patched")
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        required=True,
        help="of the effect of restore: the points that are patched are where it is reached",
    )
    parser.add_argument("--ranks", type=positive, nargs="+", required=True, help="of subspaces")
    parser.add_argument("--n-random", type=positive, required=True, help="random subspaces")
    parser.add_argument(
        "--min-examples", type=positive, required=True, help="right ones of a type with a mean"
    )
    parser.add_argument(
        "--max-examples", type=positive, required=True, help="right and wrong ones of each group"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of subspaces and examples")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the subspace_patches table")
    parser.add_argument("--out-means", type=Path, required=True, help="the subspace_means table")
    parser.add_argument("--out-directions", type=Path, required=True, help="subspace_directions")
    with run_step(parser) as args:
        runner, manifest = BatchRunner.of_step("sweep_subspace", args), run_manifest(args)
        groups = read_groups(args.examples)
        effects = read_effects(args.patches)
        points = points_reached(effects, groups, args.shares)
        log.info("restore reaches %s of its effect at points %s", args.shares, points)
        outs = {
            SUBSPACE_PATCHES: args.out,
            SUBSPACE_MEANS: args.out_means,
            SUBSPACE_DIRECTIONS: args.out_directions,
        }
        originals, variants = (
            read_table(path, PREDICTIONS).to_pylist() for path in args.predictions
        )
        caches = [ActivationCache(folder) for folder in args.activations]
        residuals = LastResiduals(caches, points or [caches[0].n_points - 1])
        spaces = fit_spaces(
            residuals,
            [*originals, *variants],
            groups,
            min_examples=args.min_examples,
            most=max(args.ranks),
            n_random=args.n_random,
            seed=args.seed,
        )
        if not points or not spaces[0].types:
            log.warning("points %s, types %s: nothing to patch", points, [s.types for s in spaces])
            for kind, path in outs.items():
                write_table(path, kind, [], manifest)
            return
        ranks = ladder(args.ranks, spaces[0])
        log.info("points %s, ranks %s, %d types", points, ranks, len(spaces[0].types))
        prompts = read_token_ids(args.prompts)
        encoder = Encoder.from_folder(args.model)

        pairs = [
            pair
            for pair in read_pairs(args.pairs, args.conditions, groups)
            if pair["group"] != "fit"
        ]
        rows = patch_rows(pairs, spaces[0], ranks)

        def donated(row: Row) -> "Tensor":
            both = residuals.of([recipient_key(row), donor_key(row)])
            return write_part(spaces, row, both[:, 0], both[:, 1])

        swept = in_order(sweep_parts(runner, "patches", prompts, rows, points, donated), rows)
        diffs = {row["pair_id"]: row["donor_logit_diff"] for row in effects}
        columns = part_columns(swept, points)
        columns["group"] = [patched.pair["group"] for patched in swept for _ in points]
        table = patch_table(swept, columns, diffs, args.min_gap, encoder)
        write_table(args.out, SUBSPACE_PATCHES, table, manifest)

        rows = written_rows(variants, groups, spaces[0], ranks, args.max_examples, args.seed)
        place = {name: i for i, name in enumerate(spaces[0].types)}

        def of_mean(row: Row) -> "Tensor":
            import torch

            own = residuals.of([recipient_key(row)])[:, 0]
            means = np.stack([space.means[place[row["gold"]]] for space in spaces])
            return write_part(spaces, row, own, torch.from_numpy(means))

        swept = in_order(sweep_parts(runner, "means", prompts, rows, points, of_mean), rows)
        write_table(args.out_means, SUBSPACE_MEANS, means_rows(swept, points, encoder), manifest)
        directions = [
            {"point": point, "direction": i, "share": float(share), "types": space.types}
            for point, space in zip(points, spaces, strict=True)
            for i, share in enumerate(space.shares)
        ]
        write_table(args.out_directions, SUBSPACE_DIRECTIONS, directions, manifest)
        runner.store.log_counts()
        log.info("%d pairs", len(pairs))


if __name__ == "__main__":
    main()
