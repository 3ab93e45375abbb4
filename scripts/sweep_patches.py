"""Patch donors into recipients at every residual point, at the last token, for all conditions."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import (
    Key,
    LastDonors,
    Row,
    TokenIds,
    by_recipient,
    collect_elsewhere,
    read_prompts,
)
from fimscope.experiments.patch.measures import (
    Patched,
    key_columns,
    logit_diff,
    measures,
    padded,
    pairs_of_sweep,
    place_in,
    wanted_ids,
    write_conditions,
)
from fimscope.experiments.patch.tables import PAIRS, PATCHES
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_part_options, exhaust
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from fimscope.models.load import Model


def sweep_patches(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    donors: LastDonors,
) -> Iterator[Patched]:
    """Each row of the pairs table with what its patch makes the model say, at every point.

    A shard has the pairs of its parts. All pairs of one recipient, of whatever condition, share one
    prefill of its prompt. A window of several points is not swept here: at the last token the later
    point's patch overwrites what the earlier ones left, and no other token reads it, so that a
    window gives what its last point gives alone.
    """
    import torch

    from fimscope.interventions.sweep import SweepReadout, sweep_last

    groups = by_recipient(pairs)
    recipients = list(groups)

    def ingredients(row: int) -> tuple[Any, ...]:
        own = groups[recipients[row]]
        values = torch.stack([donors.of(pair) for pair in own])
        return prompts[recipients[row]], wanted_ids(own), digest(values)

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        keys = [recipients[row] for row in rows]
        wanted = padded([wanted_ids(groups[key]) for key in keys])
        values = padded([[donors.of(pair) for pair in groups[key]] for key in keys])
        stacked = torch.stack([torch.stack(row, dim=1) for row in values], dim=1)
        return sweep_last(model, [prompts[key] for key in keys], stacked, torch.tensor(wanted))

    batches, kept = runner.plan(len(prompts[key]) for key in recipients), BatchTensors(SweepReadout)
    for rows, sweep in runner.run("patches", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            yield from pairs_of_sweep(sweep, i, groups[recipients[row]])


def patch_rows(swept: Sequence[Patched], min_gap: float, encoder: Encoder) -> list[Row]:
    """Rows of the patches table: one a pair and point.

    A patch at the last point makes the donor's own output, so the paired donor's own difference of
    logits stands in the sweep itself.
    """
    donor_diffs = {
        patched.pair["pair_id"]: logit_diff(patched.pair, patched.said[-1].logits)
        for patched in swept
        if patched.pair["donor_kind"] == "paired"
    }
    return [
        {
            **key_columns(patched.pair),
            "point": point,
            "n_points": 1,
            "position": "last",
            **measures(patched, point, donor_diffs[patched.pair["pair_id"]], min_gap, encoder),
        }
        for patched in swept
        for point in range(len(patched.said))
    ]


def write_patches(pairs: Sequence[Row], swept: Sequence[Patched], args: Namespace) -> None:
    """Write the table of every condition, its rows in the order of the pairs."""
    check_sum("sweep_patches", len(pairs), len(swept), 0)
    rows = patch_rows(
        sorted(swept, key=place_in(pairs)), args.min_gap, Encoder.from_folder(args.model)
    )
    write_conditions(args.out, PATCHES, rows, args.conditions, run_manifest(args))


def main() -> None:
    parser = step_parser(__doc__)
    add_model_options(parser)
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument(
        "--prompts", type=Path, nargs="+", required=True, help="of `original` and of the edit"
    )
    parser.add_argument(
        "--activations", type=Path, nargs="+", required=True, help="folders of cached donors"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of the controls")
    add_part_options(parser, out="folder of a table per condition")
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    with run_step(parser) as args:
        runner = BatchRunner.of_step("sweep_patches", args)
        pairs = read_table(args.pairs, PAIRS).to_pylist()
        prompts = {key: row["token_ids"] for key, row in read_prompts(args.prompts).items()}
        elsewhere = collect_elsewhere(runner.whole(), prompts, pairs, args.seed)
        caches = [ActivationCache(folder) for folder in args.activations]
        donors = LastDonors(caches, elsewhere, args.seed)
        swept = sweep_patches(runner, prompts, pairs, donors)
        if args.shard is None:
            write_patches(pairs, list(swept), args)
        else:
            exhaust(swept)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
