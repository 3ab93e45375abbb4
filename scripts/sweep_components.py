"""Patch the parts of every block at the last token: attention output, MLP output, single heads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.donors import (
    Key,
    Row,
    TokenIds,
    by_recipient,
    donor_key,
    random_like,
    read_prompts,
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
    place_in,
    wanted_ids,
    write_conditions,
)
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum
from fimscope.sites import first_pairs
from fimscope.steps import Progress, positive, run_step, step_parser
from fimscope.tables import read_table

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model
    from fimscope.places import Place

KINDS = ("paired", "self", "unrelated", "random")  # another token has no part in this question


@dataclass(frozen=True)
class Parts:
    """What the parts of every block give at one prompt's last token, and what follows it.

    values   of each place, [width], on the CPU
    logits   token id -> logit
    """

    values: "Mapping[Place, torch.Tensor]"
    logits: Mapping[int, float]


def part_places(model: "Model") -> "list[Place]":
    """Attention output, MLP output and heads of every block."""
    from fimscope.places import attention_output, head, mlp_output

    blocks = range(model.n_blocks)
    return [
        *map(attention_output, blocks),
        *map(mlp_output, blocks),
        *(head(block, index) for block in blocks for index in range(model.n_heads)),
    ]


def collect_parts(
    model: "Model",
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    places: "Sequence[Place]",
    batch_tokens: int,
) -> dict[Key, Parts]:
    """One forward of every recipient and donor of some pairs."""
    import torch

    from fimscope.activations import NamedPrompt
    from fimscope.batch import plan_batches, run_batches
    from fimscope.patching import Batch

    wanted: dict[Key, set[int]] = {}
    for pair in pairs:
        for key in (recipient_key(pair), donor_key(pair)):
            if key is not None:
                wanted.setdefault(key, set()).update(wanted_ids([pair]))
    keys = sorted(wanted)

    def collect_rows(rows: list[int]) -> "tuple[dict[Place, torch.Tensor], torch.Tensor]":
        chosen = [NamedPrompt("/".join(keys[row]), prompts[keys[row]]) for row in rows]
        with torch.inference_mode(), Batch(model, chosen).run() as run:
            found = run.collect(places, ["last"])
        return {place: found[place][:, 0].cpu() for place in places}, run.logits.cpu()

    parts = {}
    batches = plan_batches([len(prompts[key]) for key in keys], batch_tokens)
    for rows, (values, logits) in run_batches(collect_rows, batches):
        for i, row in enumerate(rows):
            kept = {token: float(logits[i, token]) for token in wanted[keys[row]]}
            parts[keys[row]] = Parts({place: values[place][i] for place in places}, kept)
    return parts


def sweep_components(
    model: "Model",
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    parts: Mapping[Key, Parts],
    places: "Sequence[Place]",
    batch_tokens: int,
    seed: int,
) -> Iterator[Patched]:
    """Each row of the pairs table with what its patch at every place makes the model say."""
    import torch

    from fimscope.batch import plan_batches, run_batches
    from fimscope.sweep_places import sweep_places

    groups = by_recipient(pairs)
    recipients = list(groups)

    def value(pair: Row, place: "Place") -> "torch.Tensor":
        key = donor_key(pair)
        if key is None:
            own = parts[recipient_key(pair)].values[place]
            return random_like(own, seed, pair["pair_id"], str(place))
        return parts[key].values[place]

    def sweep_rows(rows: list[int]) -> Any:
        keys = [recipients[row] for row in rows]
        alike = padded([groups[key] for key in keys])
        donors = {
            place: torch.stack([torch.stack([value(pair, place) for pair in row]) for row in alike])
            for place in places
        }
        wanted = padded([wanted_ids(row) for row in alike])
        ids = [prompts[key] for key in keys]
        return wanted, sweep_places(model, ids, donors, torch.tensor(wanted))

    progress = Progress("patches", len(pairs) * len(places), "patches")
    batches = plan_batches([len(prompts[key]) for key in recipients], batch_tokens)
    for rows, (wanted, sweep) in run_batches(sweep_rows, batches):
        for i, row in enumerate(rows):
            for d, pair in enumerate(groups[recipients[row]]):
                yield pair_of_sweep(sweep, wanted[i], pair, i, d)
                progress.add(len(places))


def component_rows(
    swept: Sequence[Patched],
    places: "Sequence[Place]",
    donor_diffs: Mapping[str, float],
    min_gap: float,
    encoder: Encoder,
) -> list[Row]:
    """Rows of the components table: one a pair and place.

    donor_diffs   of each pair, the paired donor's own target minus foil
    """
    return [
        {
            **key_columns(patched.pair),
            "component": place.kind,
            "block": place.index,
            "head": place.head,
            **measures(patched, number, donor_diffs[patched.pair["pair_id"]], min_gap, encoder),
        }
        for patched in swept
        for number, place in enumerate(places)
    ]


def main() -> None:
    parser = step_parser(__doc__)
    add_model_options(parser)
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument(
        "--prompts", type=Path, nargs="+", required=True, help="of `original` and of the edit"
    )
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    parser.add_argument("--max-pairs", type=positive, default=120, help="of each condition")
    parser.add_argument("--min-gap", type=float, default=0.5, help="least gap in logits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of a table per condition")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs = read_table(args.pairs, "pairs").to_pylist()
        pairs = [
            pair
            for pair in first_pairs(pairs, args.conditions, args.max_pairs)
            if pair["donor_kind"] in KINDS
        ]
        prompts = {key: row["token_ids"] for key, row in read_prompts(args.prompts).items()}
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        places = part_places(model)
        parts = collect_parts(model, prompts, pairs, places, args.batch_tokens)
        swept = sorted(
            sweep_components(model, prompts, pairs, parts, places, args.batch_tokens, args.seed),
            key=place_in(pairs),
        )
        check_sum("sweep_components", len(pairs), len(swept), 0)
        diffs = {
            pair["pair_id"]: logit_diff(pair, parts[donor_key(pair)].logits)
            for pair in pairs
            if pair["donor_kind"] == "paired"
        }
        rows = component_rows(swept, places, diffs, args.min_gap, encoder)
        write_conditions(args.out, "components", rows, args.conditions, manifest)


if __name__ == "__main__":
    main()
