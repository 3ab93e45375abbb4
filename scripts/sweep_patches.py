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
    plan_recipients,
    read_token_ids,
)
from fimscope.experiments.patch.measures import (
    Patched,
    padded,
    pairs_of_sweep,
    patch_table,
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
        values = [torch.stack([donors.of(pair) for pair in groups[key]], dim=1) for key in keys]
        ids = [prompts[key] for key in keys]
        return sweep_last(model, ids, torch.stack(values, dim=1), torch.tensor(wanted))

    n_points = len(donors.of(pairs[0])) if pairs else 0
    batches = plan_recipients(runner, prompts, groups, n_points)
    kept = BatchTensors(SweepReadout)
    for rows, sweep in runner.run("patches", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            own = groups[recipients[row]]
            yield from pairs_of_sweep(sweep, i, own, wanted_ids(own))


def write_patches(pairs: Sequence[Row], swept: Sequence[Patched], args: Namespace) -> None:
    """Write the table of every condition: the pairs in their order, each point by point.

    A patch at the last point makes the donor's own output, so the paired donor's own difference of
    logits stands in the sweep itself.
    """
    check_sum("sweep_patches", len(pairs), len(swept), 0)
    swept = sorted(swept, key=place_in(pairs))
    donor_diffs = {
        patched.pair["pair_id"]: patched.logits["target"][-1] - patched.logits["foil"][-1]
        for patched in swept
        if patched.pair["donor_kind"] == "paired"
    }
    points = [point for patched in swept for point in range(len(patched.top_ids))]
    places = {"point": points, "n_points": [1] * len(points), "position": ["last"] * len(points)}
    encoder = Encoder.from_folder(args.model)
    table = patch_table(swept, places, donor_diffs, args.min_gap, encoder)
    write_conditions(args.out, PATCHES, table, args.conditions, run_manifest(args))


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
        prompts = read_token_ids(args.prompts)
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
