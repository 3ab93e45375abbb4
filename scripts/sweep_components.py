"""Patch the components of every block at the last token: attention and MLP output, single heads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.donors import (
    Key,
    Noise,
    Row,
    TokenIds,
    by_recipient,
    donor_key,
    paired_donors,
    plan_recipients,
    read_token_ids,
    recipient_key,
)
from fimscope.experiments.patch.measures import (
    Patched,
    logit_diff,
    padded,
    pairs_of_sweep,
    patch_table,
    place_in,
    wanted_ids,
    write_conditions,
)
from fimscope.experiments.patch.pairs import first_pairs
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import Prepared, read_prepared
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_part_options, exhaust
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.inference.places import Place
    from fimscope.models.load import Model

# Another token has no part in this question.
KINDS = ("paired", "self", "unrelated", "other_gold", "random")


@dataclass(frozen=True)
class Components:
    """What the components of every block give at one prompt's last token, and what follows it.

    values   of each place, [width], on the CPU
    logits   token id -> logit
    """

    values: "Mapping[Place, torch.Tensor]"
    logits: Mapping[int, float]


def component_places(prepared: Prepared) -> "list[Place]":
    """Attention output, MLP output and heads of every block."""
    from fimscope.inference.places import attention_output, head, mlp_output

    blocks = range(prepared.n_blocks)
    return [
        *map(attention_output, blocks),
        *map(mlp_output, blocks),
        *(head(block, index) for block in blocks for index in range(prepared.n_heads)),
    ]


def collect_components(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    places: "Sequence[Place]",
) -> dict[Key, Components]:
    """One forward of every recipient and donor of some pairs."""
    import torch

    from fimscope.interventions.session import Batch, NamedPrompt

    wanted: dict[Key, set[int]] = {}
    for pair in pairs:
        for key in (recipient_key(pair), donor_key(pair)):
            if key is not None:
                wanted.setdefault(key, set()).update(wanted_ids([pair]))
    keys = sorted(wanted)
    asked = [sorted(wanted[key]) for key in keys]

    def ingredients(row: int) -> tuple[Any, ...]:
        return prompts[keys[row]], asked[row]

    def ask(model: "Model", rows: list[int]) -> "dict[str, torch.Tensor]":
        chosen = [NamedPrompt("/".join(keys[row]), prompts[keys[row]]) for row in rows]
        found = Batch(model, chosen).collect("last", places)
        token_ids = torch.tensor(padded([asked[row] for row in rows]))
        return {
            **{str(place): found[place][:, 0].cpu() for place in places},
            "logits": found.logits.gather(1, token_ids.to(model.device)).cpu(),
        }

    components = {}
    batches, kept = runner.plan(len(prompts[key]) for key in keys), BatchTensors(dict)
    for rows, found in runner.run("components", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            values = {place: found[str(place)][i] for place in places}
            logits = dict(zip(asked[row], found["logits"][i].tolist(), strict=False))
            components[keys[row]] = Components(values, logits)
    return components


def sweep_components(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    components: Mapping[Key, Components],
    places: "Sequence[Place]",
    seed: int,
) -> Iterator[Patched]:
    """Each row of the pairs table with what its patch at every place makes the model say.

    A shard has the pairs of its parts.
    """
    import torch

    from fimscope.interventions.sweep import SweepReadout, sweep_places

    groups = by_recipient(pairs)
    recipients = list(groups)
    paired = [components[key].values for key in paired_donors(pairs)]
    noise = {
        place: Noise(torch.stack([values[place] for values in paired]))
        for place in places
        if paired
    }

    def value(pair: Row, place: "Place") -> "torch.Tensor":
        key = donor_key(pair)
        if key is None:
            return noise[place].draw(1, seed, pair["pair_id"], str(place))[0]
        return components[key].values[place]

    def ingredients(row: int) -> tuple[Any, ...]:
        own = groups[recipients[row]]
        values = torch.cat([value(pair, place) for pair in own for place in places])
        return prompts[recipients[row]], wanted_ids(own), digest(values)

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        keys = [recipients[row] for row in rows]
        wanted = padded([wanted_ids(groups[key]) for key in keys])
        donors = {
            place: torch.stack(
                [torch.stack([value(pair, place) for pair in groups[key]]) for key in keys]
            )
            for place in places
        }
        at_last = [[-1]] * len(keys), {place: own[:, :, None] for place, own in donors.items()}
        return sweep_places(model, [prompts[key] for key in keys], *at_last, torch.tensor(wanted))

    batches = plan_recipients(runner, prompts, groups, len(places))
    kept = BatchTensors(SweepReadout)
    for rows, sweep in runner.run("patches", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            own = groups[recipients[row]]
            yield from pairs_of_sweep(sweep, i, own, wanted_ids(own))


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
        runner = BatchRunner.of_step("sweep_components", args)
        pairs = read_table(args.pairs, PAIRS).to_pylist()
        pairs = [
            pair
            for pair in first_pairs(pairs, args.conditions, args.max_pairs)
            if pair["donor_kind"] in KINDS
        ]
        prompts = read_token_ids(args.prompts)
        places = component_places(read_prepared(args.model))
        components = collect_components(runner.whole(), prompts, pairs, places)
        swept = sweep_components(runner, prompts, pairs, components, places, args.seed)
        if args.shard is None:
            in_order = sorted(swept, key=place_in(pairs))
            check_sum("sweep_components", len(pairs), len(in_order), 0)
            diffs = {
                pair["pair_id"]: logit_diff(pair, components[donor_key(pair)].logits)
                for pair in pairs
                if pair["donor_kind"] == "paired"
            }
            encoder = Encoder.from_folder(args.model)
            columns = {
                "component": [place.kind for place in places] * len(in_order),
                "block": [place.index for place in places] * len(in_order),
                "head": [place.head for place in places] * len(in_order),
            }
            table = patch_table(in_order, columns, diffs, args.min_gap, encoder)
            write_conditions(args.out, COMPONENTS, table, args.conditions, run_manifest(args))
        else:
            exhaust(swept)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
