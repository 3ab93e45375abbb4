"""Learn subspaces by interchange between pairs of `fit`, and patch them in pairs of the rest."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.errors import UserError
from fimscope.experiments.groups import read_groups
from fimscope.experiments.patch.donors import (
    Key,
    TokenIds,
    donor_key,
    read_token_ids,
    recipient_key,
)
from fimscope.experiments.patch.measures import patch_table
from fimscope.experiments.subspace.bases import Part, Space
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
from fimscope.experiments.subspace.tables import SUBSPACE_LEARNED, SUBSPACE_LEARNED_PATCHES
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import ActivationCache, LastResiduals
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.interventions.interchange import Interchange
    from fimscope.models.load import Model

STEP = "learn_subspaces"
Row = Mapping[str, Any]


def within_groups(pairs: Sequence[Row], groups: Mapping[str, str]) -> list[Row]:
    """The pairs whose donor is of its recipient's group: of `test` nothing is learned."""
    return [pair for pair in pairs if groups[pair["donor_example_id"]] == pair["group"]]


def draw_pairs(pairs: Sequence[Row], most: int, seed: int) -> list[Row]:
    """At most so many pairs of `fit`, in the order of their draw."""
    own = [pair for pair in pairs if pair["group"] == "fit"]
    return sorted(own, key=lambda pair: seed_of(seed, STEP, pair["pair_id"]))[:most]


def learn_bases(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    residuals: LastResiduals,
    fit: Sequence[Row],
    held_out: Sequence[Row],
    point: int,
    ranks: Sequence[int],
    n_steps: int,
    seed: int,
) -> "dict[int, dict[str, Tensor]]":
    """Of each rank what `learn_subspace` gives: `basis`, `step` and `losses`.

    residuals       of the point alone
    fit, held_out   rows of the pairs table; the pairs whose interchange is learned, and those by
                    which the step is chosen
    """
    import torch

    def in_batches(pairs: Sequence[Row]) -> list[list[Row]]:
        planned = runner.plan(len(prompts[recipient_key(pair)]) for pair in pairs)
        return [[pairs[row] for row in batch] for batch in planned]

    def values(pairs: Sequence[Row], key: Any) -> "Tensor":
        return residuals.of(map(key, pairs))[0]

    @cache
    def interchanges() -> "list[list[Interchange]]":
        from fimscope.interventions.interchange import Interchange, Pairs

        model = runner.open_model()
        return [
            [
                Interchange(
                    model,
                    Pairs(
                        [prompts[recipient_key(pair)] for pair in batch],
                        values(batch, recipient_key),
                        values(batch, donor_key),
                        torch.tensor([pair["target_token_id"] for pair in batch]),
                    ),
                    point,
                )
                for batch in in_batches(pairs)
            ]
            for pairs in (fit, held_out)
        ]

    def ask(model: "Model", rows: list[int]) -> "dict[str, Tensor]":
        from fimscope.interventions.interchange import learn_subspace

        [row] = rows
        own = seed_of(seed, STEP, str(ranks[row])) % 2**63
        learned = learn_subspace(*interchanges(), ranks[row], n_steps, own)
        log.info("rank %d: held-out losses %s", ranks[row], learned.losses.tolist())
        return {**vars(learned), "step": torch.tensor(learned.step)}

    def ingredients(row: int) -> list[Any]:
        batches = [
            [
                [[prompts[recipient_key(pair)], pair["target_token_id"]] for pair in batch],
                digest(values(batch, recipient_key)),
                digest(values(batch, donor_key)),
            ]
            for pairs in (fit, held_out)
            for batch in in_batches(pairs)
        ]
        return [point, ranks[row], n_steps, seed, len(in_batches(fit)), batches]

    batches, kept = [[row] for row in range(len(ranks))], BatchTensors(dict)
    found = runner.run("learned subspaces", batches, ask, ingredients, kept)
    return {ranks[row]: learned for [row], learned in found}


def learned_row(
    rank: int, learned: "Mapping[str, Tensor]", space: Space, point: int, n: Sequence[int]
) -> Row:
    """A row of the subspace_learned table.

    n   pairs that it was learned with, and pairs by which the step was chosen
    """
    losses = learned["losses"].tolist()
    row = {"point": point, "rank": rank, "step": int(learned["step"])}
    row |= {"first_loss": losses[0], "loss": min(losses)}
    if space.types:
        inside = space.bases["types", None].T @ learned["basis"].double().numpy()
        row["types_share"] = float((inside**2).sum() / rank)
        row["chance_share"] = space.n_directions / len(learned["basis"])
    return {**row, "n_fit": n[0], "n_select": n[1]}


def space_of(basis: "Tensor") -> Space:
    """A space of the learned directions alone."""
    width = len(basis)
    bases = {("learned", None): basis.double().numpy()}
    return Space([], np.zeros((0, width)), np.zeros(0), bases)


def check_ranks(ranks: Sequence[int], d_model: int) -> None:
    """raises UserError where the model has fewer dimensions than a rank asks for"""
    if max(ranks, default=0) > d_model:
        raise UserError(
            f"subspace.learned_ranks: {max(ranks)} found, where the model has {d_model} "
            "dimensions; name ranks of at most that"
        )


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
    parser.add_argument("--conditions", nargs="+", required=True, help="whose pairs are taken")
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        required=True,
        help="of the effect of restore: the point is where the middle one is reached",
    )
    parser.add_argument(
        "--learned-ranks", type=positive, nargs="*", required=True, help="none: nothing is learned"
    )
    parser.add_argument("--max-fit", type=positive, required=True, help="pairs to learn with")
    parser.add_argument("--n-steps", type=positive, required=True, help="of Adam")
    parser.add_argument(
        "--min-examples", type=positive, required=True, help="right ones of a type with a mean"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of the pairs and the start")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="subspace/learned.parquet")
    parser.add_argument(
        "--out-patches", type=Path, required=True, help="subspace/learned_patches.parquet"
    )
    with run_step(parser) as args:
        runner, manifest = BatchRunner.of_step(STEP, args), run_manifest(args)
        check_ranks(args.learned_ranks, read_prepared(args.model).d_model)
        groups = read_groups(args.examples)
        effects = read_effects(args.patches)
        points = points_reached(effects, groups, args.shares)
        pairs = within_groups(read_pairs(args.pairs, args.conditions, groups), groups)
        fit = draw_pairs(pairs, args.max_fit, args.seed)
        select, test = (
            [pair for pair in pairs if pair["group"] == group] for group in ("select", "test")
        )
        point = points[len(points) // 2] if points else 0
        if not (point and fit and select and args.learned_ranks):
            log.warning(
                "point %d, %d pairs of fit, %d of select, ranks %s: nothing to learn",
                *(point, len(fit), len(select), args.learned_ranks),
            )
            write_table(args.out, SUBSPACE_LEARNED, [], manifest)
            write_table(args.out_patches, SUBSPACE_LEARNED_PATCHES, [], manifest)
            return
        prompts = read_token_ids(args.prompts)
        residuals = LastResiduals([ActivationCache(own) for own in args.activations], [point])
        predictions = [
            row for path in args.predictions for row in read_table(path, PREDICTIONS).to_pylist()
        ]
        fitting = {"min_examples": args.min_examples, "most": 1, "n_random": 0, "seed": args.seed}
        [space] = fit_spaces(residuals, predictions, groups, **fitting)
        learned = learn_bases(
            *(runner, prompts, residuals, fit, select, point),
            *(args.learned_ranks, args.n_steps, args.seed),
        )
        n = len(fit), len(select)
        write_table(
            args.out,
            SUBSPACE_LEARNED,
            [learned_row(rank, own, space, point, n) for rank, own in learned.items()],
            manifest,
        )
        spaces = {rank: space_of(own["basis"]) for rank, own in learned.items()}
        rows = [
            {**pair, "donor_kind": "learned", "part": Part("learned", rank)}
            for pair in (*select, *test)
            for rank in spaces
        ]

        def donated(row: Row) -> "Tensor":
            both = residuals.of([recipient_key(row), donor_key(row)])
            return write_part([spaces[row["part"].rank]], row, both[:, 0], both[:, 1])

        swept = in_order(sweep_parts(runner, "patches", prompts, rows, [point], donated), rows)
        diffs = {row["pair_id"]: row["donor_logit_diff"] for row in effects}
        columns = part_columns(swept, [point])
        columns["group"] = [patched.pair["group"] for patched in swept]
        encoder = Encoder.from_folder(args.model)
        table = patch_table(swept, columns, diffs, args.min_gap, encoder)
        write_table(args.out_patches, SUBSPACE_LEARNED_PATCHES, table, manifest)
        runner.store.log_counts()
        log.info("ranks %s at point %d, %d test pairs", args.learned_ranks, point, len(test))


if __name__ == "__main__":
    main()
