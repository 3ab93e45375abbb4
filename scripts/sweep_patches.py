"""Patch donors into recipients at every residual point, at the last token, for all conditions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.donors import (
    Key,
    LastDonors,
    Row,
    TokenIds,
    collect_elsewhere,
    recipient_key,
)
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.patch_outcomes import (
    Patched,
    key_columns,
    logit_diff,
    measures,
    padded,
    pair_of_sweep,
    wanted_ids,
)
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.store import ActivationCache
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    from fimscope.models.load import Model


def sweep_patches(
    model: "Model",
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    donors: LastDonors,
    batch_tokens: int,
) -> Iterator[Patched]:
    """Each row of the pairs table with what its patch makes the model say, at every point.

    All pairs of one recipient, of whatever condition, share one prefill of its prompt. A window of
    several points is not swept here: at the last token the later point's patch overwrites what the
    earlier ones left, and no other token reads it, so that a window gives what its last point gives
    alone.
    """
    import torch

    from fimscope.batch import plan_batches, run_batches
    from fimscope.sweep import sweep_last

    groups: dict[Key, list[Row]] = {}
    for pair in pairs:
        groups.setdefault(recipient_key(pair), []).append(pair)
    recipients = list(groups)

    def sweep_rows(rows: list[int]) -> Any:
        keys = [recipients[row] for row in rows]
        wanted = padded([wanted_ids(groups[key]) for key in keys])
        values = padded([[donors.of(pair) for pair in groups[key]] for key in keys])
        stacked = torch.stack([torch.stack(row, dim=1) for row in values], dim=1)
        return wanted, sweep_last(
            model, [prompts[key] for key in keys], stacked, torch.tensor(wanted)
        )

    progress = Progress("patches", len(pairs) * model.n_points, "patches")
    batches = plan_batches([len(prompts[key]) for key in recipients], batch_tokens)
    for rows, (wanted, sweep) in run_batches(sweep_rows, batches):
        for i, row in enumerate(rows):
            for d, pair in enumerate(groups[recipients[row]]):
                yield pair_of_sweep(sweep, wanted[i], pair, i, d)
                progress.add(model.n_points)


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
    parser.add_argument("--min-gap", type=float, default=0.5, help="least gap in logits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of a table per condition")
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs = read_table(args.pairs, "pairs").to_pylist()
        prompts = {
            (row["example_id"], row["edit"]): row["token_ids"]
            for path in args.prompts
            for row in read_table(path, "prompts").to_pylist()
        }
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        elsewhere = collect_elsewhere(model, prompts, pairs, args.seed, args.batch_tokens)
        caches = [ActivationCache(folder) for folder in args.activations]
        donors = LastDonors(caches, elsewhere, args.seed)
        order = {(pair["pair_id"], pair["donor_kind"]): n for n, pair in enumerate(pairs)}
        swept = sorted(
            sweep_patches(model, prompts, pairs, donors, args.batch_tokens),
            key=lambda patched: order[patched.pair["pair_id"], patched.pair["donor_kind"]],
        )
        check_sum("sweep_patches", len(pairs), len(swept), 0)
        rows = patch_rows(swept, args.min_gap, encoder)
        for condition in args.conditions:
            chosen = [row for row in rows if row["condition"] == condition]
            write_table(args.out / f"{condition}.parquet", "patches", chosen, manifest)
            log.info("%s: %d patches", condition, len(chosen))


if __name__ == "__main__":
    main()
