"""Write over what of a name stands between the types, where the name stands, and ask again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.algorithms.tables import ALGORITHMS
from fimscope.experiments.groups import read_groups
from fimscope.experiments.patch.donors import read_prompts
from fimscope.experiments.patch.measures import padded
from fimscope.experiments.repair.names import planted_pairs, renamed_pairs, taken_out
from fimscope.experiments.repair.repaired import Way, best_setting, draw_most, repaired_rows
from fimscope.experiments.repair.tables import REPAIR_NAMES
from fimscope.experiments.subspace.bases import Part, Space, fit_space
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.regions import last_tokens, read_regions
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

STEP = "repair_names"
Row = Mapping[str, Any]
Spaces = Mapping[int, Space]  # point -> space


def fit_names(
    runner: BatchRunner, fitted: Sequence[Row], points: Sequence[int], **options: int
) -> dict[int, Space]:
    """Of each point the space of names where they are declared, by the types of their holes.

    fitted    rows of prompts and of predictions, as one: right originals of `fit`
    options   min_examples, most, n_random and seed of `fit_space`
    """
    declared = [(row, last_tokens(read_regions(row), "declaration")) for row in fitted]
    kept = [(row, tokens[0]) for row, tokens in declared if tokens]
    beginnings = [row["token_ids"][: token + 1] for row, token in kept]

    def ask(model: "Model", rows: list[int]) -> "dict[str, Tensor]":
        from fimscope.inference.residuals import collect

        chosen = [beginnings[row] for row in rows]
        return {"names": collect(model, chosen, [[-1]] * len(rows), points)[:, :, 0].float()}

    def ingredients(row: int) -> list[Any]:
        return [beginnings[row], list(points)]

    batches = runner.plan(map(len, beginnings))
    residuals: dict[int, Tensor] = {}
    for rows, found in runner.run("names of fit", batches, ask, ingredients, BatchTensors(dict)):
        residuals.update({row: found["names"][:, i] for i, row in enumerate(rows)})
    if not residuals:
        return {}
    import torch

    values = torch.stack([residuals[row] for row in range(len(kept))], dim=1).numpy()
    golds, examples = ([row[key] for row, _ in kept] for key in ("gold", "example_id"))
    return {
        point: fit_space(own, golds, examples, **options)
        for point, own in zip(points, values, strict=True)
    }


def write_over(
    runner: BatchRunner,
    recipients: Sequence[Row],
    spaces: Spaces,
    parts: Sequence[Part],
    encoder: Encoder,
) -> list[Row]:
    """Rows of the repair_names table: every recipient as it is, then point by point with every
    part of its name taken out, in all places of the name at once.

    spaces   of the points that are written at
    """
    import torch

    from fimscope.inference.residuals import collect
    from fimscope.interventions.sweep import SweepReadout, sweep

    points = sorted(spaces)
    ways = [
        Way("found" if part.kind == "types" else "random", None, point, part.rank, part.draw)
        for point in points
        for part in parts
    ]
    decides = [
        digest(torch.from_numpy(own))
        for point in points
        for own in (spaces[point].means, *spaces[point].bases.values())
    ]

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        prompts = [recipients[row]["token_ids"] for row in rows]
        names = padded([list(recipients[row]["name_tokens"]) for row in rows])
        wanted = torch.tensor([[recipients[row]["gold_token_id"]] for row in rows])
        own = collect(model, prompts, names, points)
        # [point, example, part, token, d_model]
        donors = torch.stack(
            [
                torch.stack([taken_out(spaces[point], part, values) for part in parts], dim=1)
                for point, values in zip(points, own, strict=True)
            ]
        )
        found = sweep(model, prompts, names, [[point] for point in points], donors, wanted)
        # [point, example, part] -> [example, point and part]
        flat = found.patched.reshape(lambda tensor: tensor.movedim(0, 1).flatten(1, 2))
        return SweepReadout(flat, found.baseline)

    def ingredients(row: int) -> list[Any]:
        own = recipients[row]
        tokens = own["token_ids"], list(own["name_tokens"]), own["gold_token_id"]
        return [*tokens, [vars(part) for part in parts], points, decides]

    batches = runner.plan(len(row["token_ids"]) for row in recipients)
    rows_of: dict[int, list[Row]] = {}
    for rows, found in runner.run("names", batches, ask, ingredients, BatchTensors(SweepReadout)):
        for i, row in enumerate(rows):
            rows_of[row] = list(repaired_rows(found, i, recipients[row], ways, encoder))
    return [made for row in sorted(rows_of) for made in rows_of[row]]


def points_at(depths: Sequence[float], n_blocks: int) -> list[int]:
    """The points at these shares of the blocks, ascending."""
    return sorted({round(depth * n_blocks) for depth in depths})


def ranks_in(space: Space, ranks: Sequence[int]) -> list[int]:
    """Those of the ranks that there are between the types, or the most where all are larger."""
    own = sorted({min(rank, space.n_directions) for rank in ranks})
    return [rank for rank in own if rank]


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", **many, help="of `original` and of the edit, in this order")
    parser.add_argument("--predictions", **many, help="of the same two")
    parser.add_argument("--algorithms", **many, help="algorithms/{edit}.parquet of the same two")
    add_model_options(parser)
    parser.add_argument(
        "--depths", type=float, nargs="+", required=True, help="of the points, of all blocks"
    )
    parser.add_argument("--ranks", type=positive, nargs="+", required=True, help="of subspaces")
    parser.add_argument("--n-random", type=positive, required=True, help="random subspaces")
    parser.add_argument(
        "--min-examples", type=positive, required=True, help="right ones of a type with a mean"
    )
    parser.add_argument(
        "--max-examples", type=positive, required=True, help="right and wrong ones of each group"
    )
    parser.add_argument("--seed", type=int, required=True, help="of examples and subspaces")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="repair/names.parquet")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        runner = BatchRunner.of_step(STEP, args)
        groups = read_groups(args.examples)
        prompt_of = read_prompts(args.prompts)
        originals, variants = (
            {
                row["example_id"]: {
                    **row,
                    **prompt_of[row["example_id"], row["edit"]],
                    "group": groups[row["example_id"]],
                }
                for row in read_table(path, PREDICTIONS).to_pylist()
            }
            for path in args.predictions
        )
        tables = [read_table(path, ALGORITHMS).to_pylist() for path in args.algorithms]
        causes = [
            [
                pair
                for prompts, planted in zip((originals, variants), tables, strict=True)
                for pair in planted_pairs(prompts, planted)
            ],
            list(renamed_pairs(originals, variants)),
        ]
        fitted = [row for row in originals.values() if row["group"] == "fit" and row["correct"]]
        points = points_at(args.depths, read_prepared(args.model).n_blocks)
        spaces = fit_names(
            runner,
            fitted,
            points,
            min_examples=args.min_examples,
            most=max(args.ranks),
            n_random=args.n_random,
            seed=args.seed,
        )
        spaces = {point: space for point, space in spaces.items() if space.types}
        ranks = ranks_in(next(iter(spaces.values())), args.ranks) if spaces else []
        encoder = Encoder.from_folder(args.model)
        rows: list[Row] = []
        for pairs in causes:
            drawn = draw_most(pairs, args.max_examples, args.seed)
            select, test = (
                [row for row in drawn if row["group"] == group] for group in ("select", "test")
            )
            parts = [Part("types", rank) for rank in ranks]
            own = write_over(runner, select, spaces, parts, encoder) if ranks else []
            rows += own
            setting = best_setting(own, lambda row: (row["rank"], row["point"]))
            if setting is None:
                continue
            rank, point = setting
            log.info("rank %d at point %d", rank, point)
            parts = [
                Part("types", rank),
                *(Part("random", rank, draw) for draw in range(args.n_random)),
            ]
            rows += write_over(runner, test, {point: spaces[point]}, parts, encoder)
        runner.store.log_counts()
        write_table(args.out, REPAIR_NAMES, rows, manifest)
        log.info("%d rows", len(rows))


if __name__ == "__main__":
    main()
