"""Patch the parts of every block at the last token: attention output, MLP output, single heads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.donors import (
    Key,
    Row,
    TokenIds,
    by_recipient,
    donor_key,
    random_like,
    read_prompts,
    recipient_key,
)
from fimscope.experiments.patch.measures import (
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
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.patch_positions.sites import first_pairs
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table
from fimscope.inference.batching import get_parts, run_parts
from fimscope.models.options import add_model_options, model_opener
from fimscope.models.prepared import Prepared, read_prepared
from fimscope.parts.formats import ResultsFormat, TensorsFormat, digest
from fimscope.parts.recipe import model_recipe
from fimscope.parts.store import WHOLE, PartStore, add_part_options, exhaust
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import Progress, positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.inference.places import Place
    from fimscope.models.load import Model

KINDS = ("paired", "self", "unrelated", "random")  # another token has no part in this question


@dataclass(frozen=True)
class Parts:
    """What the parts of every block give at one prompt's last token, and what follows it.

    values   of each place, [width], on the CPU
    logits   token id -> logit
    """

    values: "Mapping[Place, torch.Tensor]"
    logits: Mapping[int, float]


def part_places(prepared: Prepared) -> "list[Place]":
    """Attention output, MLP output and heads of every block."""
    from fimscope.inference.places import attention_output, head, mlp_output

    blocks = range(prepared.n_blocks)
    return [
        *map(attention_output, blocks),
        *map(mlp_output, blocks),
        *(head(block, index) for block in blocks for index in range(prepared.n_heads)),
    ]


def collect_parts(
    open_model: Callable[[], "Model"],
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    places: "Sequence[Place]",
    batch_tokens: int,
    store: PartStore,
) -> dict[Key, Parts]:
    """One forward of every recipient and donor of some pairs; a batch is a part of the store."""
    import torch

    from fimscope.inference.batch import plan_batches, run_batches
    from fimscope.interventions.activations import NamedPrompt
    from fimscope.interventions.session import Batch

    wanted: dict[Key, set[int]] = {}
    for pair in pairs:
        for key in (recipient_key(pair), donor_key(pair)):
            if key is not None:
                wanted.setdefault(key, set()).update(wanted_ids([pair]))
    keys = sorted(wanted)
    asked = [sorted(wanted[key]) for key in keys]

    def collect_rows(rows: list[int]) -> "dict[str, torch.Tensor]":
        chosen = [NamedPrompt("/".join(keys[row]), prompts[keys[row]]) for row in rows]
        with torch.inference_mode(), Batch(open_model(), chosen).run() as run:
            found = run.collect(places, ["last"])
        token_ids = torch.tensor(padded([asked[row] for row in rows]))
        return {
            **{str(place): found[place][:, 0].cpu() for place in places},
            "logits": run.logits.cpu().gather(1, token_ids),
        }

    def collect_batch(batch: list[int]) -> "dict[str, torch.Tensor]":
        halves = [found for _, found in run_batches(collect_rows, [batch])]
        return {name: torch.cat([half[name] for half in halves]) for name in halves[0]}

    def ingredients(row: int) -> tuple[Any, ...]:
        return prompts[keys[row]], asked[row]

    parts = {}
    batches = plan_batches([len(prompts[key]) for key in keys], batch_tokens)
    for rows, found in get_parts(collect_batch, batches, store, ingredients):
        for i, row in enumerate(rows):
            values = {place: found[str(place)][i] for place in places}
            logits = dict(zip(asked[row], found["logits"][i].tolist(), strict=False))
            parts[keys[row]] = Parts(values, logits)
    return parts


def sweep_components(
    open_model: Callable[[], "Model"],
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    parts: Mapping[Key, Parts],
    places: "Sequence[Place]",
    batch_tokens: int,
    seed: int,
    store: PartStore,
) -> Iterator[Patched]:
    """Each row of the pairs table with what its patch at every place makes the model say.

    store   where finished parts are kept; a shard has the pairs of its parts
    """
    import torch

    from fimscope.inference.batch import plan_batches
    from fimscope.interventions.sweep import WantedSweep
    from fimscope.interventions.sweep_components import sweep_places

    groups = by_recipient(pairs)
    recipients = list(groups)

    def value(pair: Row, place: "Place") -> "torch.Tensor":
        key = donor_key(pair)
        if key is None:
            own = parts[recipient_key(pair)].values[place]
            return random_like(own, seed, pair["pair_id"], str(place))
        return parts[key].values[place]

    def ingredients(row: int) -> tuple[Any, ...]:
        own = groups[recipients[row]]
        values = torch.cat([value(pair, place) for pair in own for place in places])
        return prompts[recipients[row]], wanted_ids(own), digest(values)

    def sweep_rows(rows: list[int]) -> WantedSweep:
        keys = [recipients[row] for row in rows]
        alike = padded([groups[key] for key in keys])
        donors = {
            place: torch.stack([torch.stack([value(pair, place) for pair in row]) for row in alike])
            for place in places
        }
        token_ids = torch.tensor(padded([wanted_ids(row) for row in alike]))
        sweep = sweep_places(open_model(), [prompts[key] for key in keys], donors, token_ids)
        return WantedSweep(token_ids, sweep)

    progress = Progress("patches", store.shard.n_of(len(pairs)) * len(places), "patches")
    batches = plan_batches([len(prompts[key]) for key in recipients], batch_tokens)
    for rows, swept in run_parts(sweep_rows, batches, store, ingredients):
        for i, row in enumerate(rows):
            for d, pair in enumerate(groups[recipients[row]]):
                yield pair_of_sweep(swept.sweep, swept.wanted[i].tolist(), pair, i, d)
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
    parser.add_argument("--max-pairs", type=positive, required=True, help="of each condition")
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of the controls")
    add_part_options(parser, out="folder of a table per condition")
    with run_step(parser) as args:
        open_model = model_opener(args)
        from fimscope.interventions.sweep import WantedSweep

        pairs = read_table(args.pairs, PAIRS).to_pylist()
        pairs = [
            pair
            for pair in first_pairs(pairs, args.conditions, args.max_pairs)
            if pair["donor_kind"] in KINDS
        ]
        prompts = {key: row["token_ids"] for key, row in read_prompts(args.prompts).items()}
        places = part_places(read_prepared(args.model))
        recipe = model_recipe("sweep_components", args, places=list(map(str, places)))
        store = PartStore(args.cache, args.shard, recipe, ResultsFormat(WantedSweep))
        parts = collect_parts(
            open_model,
            prompts,
            pairs,
            places,
            args.batch_tokens,
            store.beside(TensorsFormat(), WHOLE),
        )
        swept = sweep_components(
            open_model, prompts, pairs, parts, places, args.batch_tokens, args.seed, store
        )
        if args.shard is None:
            in_order = sorted(swept, key=place_in(pairs))
            check_sum("sweep_components", len(pairs), len(in_order), 0)
            diffs = {
                pair["pair_id"]: logit_diff(pair, parts[donor_key(pair)].logits)
                for pair in pairs
                if pair["donor_kind"] == "paired"
            }
            encoder = Encoder.from_folder(args.model)
            rows = component_rows(in_order, places, diffs, args.min_gap, encoder)
            write_conditions(args.out, COMPONENTS, rows, args.conditions, run_manifest(args))
        else:
            exhaust(swept)
        store.log_counts()


if __name__ == "__main__":
    main()
