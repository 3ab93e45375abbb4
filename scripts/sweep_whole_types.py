"""Patch donors into recipients at every residual point, at the last token, and ask whole types."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import (
    Key,
    Row,
    TokenIds,
    donor_key,
    read_token_ids,
    recipient_key,
)
from fimscope.experiments.whole_patches.donors import WholeDonors, collect_donors
from fimscope.experiments.whole_patches.measures import (
    TypeLogprobs,
    WholeSwept,
    logprobs_of,
    patch_rows,
    swept_pairs,
    types_of,
)
from fimscope.experiments.whole_patches.tables import WHOLE_PAIRS, WHOLE_PATCHES
from fimscope.experiments.whole_types.tables import COMPLETIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_cache_option
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model


def by_pair(pairs: Sequence[Row]) -> list[list[Row]]:
    """The rows of each pair, in the table's order."""
    groups: dict[str, list[Row]] = {}
    for pair in pairs:
        groups.setdefault(pair["pair_id"], []).append(pair)
    return list(groups.values())


def plan_pairs(
    runner: BatchRunner, prompts: Mapping[Key, TokenIds], groups: Sequence[Sequence[Row]]
) -> list[list[int]]:
    """Numbers of pairs in batches of like length, whose types have about as many tokens.

    What is run again of every patch is as long as the longest two types of a batch.
    """
    alike: dict[int, list[int]] = {}
    for number, (pair, *_) in enumerate(groups):
        n_tokens = sum(map(len, types_of(pair))) - 1
        alike.setdefault(n_tokens.bit_length(), []).append(number)
    return [
        [numbers[row] for row in batch]
        for _, numbers in sorted(alike.items(), reverse=True)
        for batch in runner.plan(len(prompts[recipient_key(groups[n][0])]) for n in numbers)
    ]


def sweep_types(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    pairs: Sequence[Row],
    donors: WholeDonors,
) -> Iterator[WholeSwept]:
    """Each row of the whole_pairs table with what its patch makes of its types, at every point."""
    import torch

    from fimscope.interventions.whole_answers import WholeAnswers, sweep_whole

    groups = by_pair(pairs)

    def values(number: int) -> "torch.Tensor":
        return torch.stack([donors.of(pair) for pair in groups[number]], dim=1)

    def ingredients(number: int) -> tuple[Any, ...]:
        pair = groups[number][0]
        return prompts[recipient_key(pair)], *types_of(pair), digest(values(number))

    def ask(model: "Model", numbers: list[int]) -> WholeAnswers:
        firsts = [groups[number][0] for number in numbers]
        donated = torch.stack([values(number) for number in numbers], dim=1)[:, :, :, None]
        return sweep_whole(
            model,
            [prompts[recipient_key(pair)] for pair in firsts],
            [[-1]] * len(numbers),
            [[point] for point in range(model.n_points)],
            donated,
            list(zip(*map(types_of, firsts), strict=True)),
        )

    batches, kept = plan_pairs(runner, prompts, groups), BatchTensors(WholeAnswers)
    for numbers, found in runner.run("whole patches", batches, ask, ingredients, kept):
        for example, number in enumerate(numbers):
            yield from swept_pairs(found, example, groups[number])


def ask_donors(
    runner: BatchRunner, prompts: Mapping[Key, TokenIds], pairs: Sequence[Row]
) -> dict[str, TypeLogprobs]:
    """Of each pair what its paired donor itself makes of the two types, [token] each."""
    from fimscope.interventions.whole_answers import answer_logprobs

    paired = [pair for pair in pairs if pair["donor_kind"] == "paired"]

    def ingredients(row: int) -> tuple[Any, ...]:
        return prompts[donor_key(paired[row])], *types_of(paired[row])

    def ask(model: "Model", rows: list[int]) -> "dict[str, torch.Tensor]":
        ids, *types = zip(*map(ingredients, rows), strict=True)
        return {"logprobs": answer_logprobs(model, ids, types)}

    batches = runner.plan(len(prompts[donor_key(pair)]) for pair in paired)
    return {
        paired[row]["pair_id"]: logprobs_of(paired[row], own.double().numpy())
        for rows, found in runner.run("donors", batches, ask, ingredients, BatchTensors(dict))
        for row, own in zip(rows, found["logprobs"], strict=True)
    }


def main() -> None:
    parser = step_parser(__doc__)
    add_model_options(parser)
    parser.add_argument("--pairs", type=Path, required=True, help="the whole_pairs table")
    parser.add_argument(
        "--completions", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in nats")
    parser.add_argument("--seed", type=int, required=True, help="of the controls")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the whole_patches table")
    with run_step(parser) as args:
        runner = BatchRunner.of_step("sweep_whole_types", args)
        pairs = read_table(args.pairs, WHOLE_PAIRS).to_pylist()
        prompts = read_token_ids(args.completions, COMPLETIONS)
        found: list[WholeSwept] = []
        if pairs:
            streams = collect_donors(runner, prompts, pairs, args.seed)
            donors = WholeDonors(streams, prompts, args.seed)
            found = list(sweep_types(runner, prompts, pairs, donors))
        check_sum("sweep_whole_types", len(pairs), len(found), 0)
        places = {(pair["pair_id"], pair["donor_kind"]): n for n, pair in enumerate(pairs)}
        found.sort(key=lambda one: places[one.pair["pair_id"], one.pair["donor_kind"]])
        own = ask_donors(runner, prompts, pairs)
        rows = patch_rows(found, own, args.min_gap)
        write_table(args.out, WHOLE_PATCHES, rows, run_manifest(args))
        runner.store.log_counts()
        log.info("%d pairs", len(own))


if __name__ == "__main__":
    main()
