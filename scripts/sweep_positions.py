"""Patch donors into recipients at other positions than the last, at sets of them, over windows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import (
    Key,
    Noise,
    TokenIds,
    donor_key,
    read_prompts,
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
from fimscope.experiments.patch.streams import Stream, collect_streams
from fimscope.experiments.patch.tables import PAIRS, PATCHES
from fimscope.experiments.patch_positions.token_sets import (
    TokenSet,
    Windows,
    donor_tokens_of,
    needed_tokens,
    paired_of,
    plan_token_sets,
    plan_windows,
)
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_part_options, exhaust
from fimscope.prompts.alignment import POSITIONS, has_position, spread_points
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

# sweep_patches shows that `self` changes nothing, where that costs little.
KINDS = ("paired", "unrelated", "other_gold", "random", "random_position")


def sweep_positions(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    token_sets: Mapping[Windows, Sequence[TokenSet]],
    streams: Mapping[Key, Stream],
    seed: int,
) -> Iterator[tuple[str, Windows, Patched]]:
    """Position and windows of every row of the pairs table, with what its patches make of it.

    token_sets   by the windows that they are patched over

    A shard has the sets of its parts. Sets of like length behind their first token go together.
    """
    import torch

    from fimscope.interventions.sweep import SweepReadout, sweep

    found = [(windows, token_set) for windows, alike in token_sets.items() for token_set in alike]
    of_donors = {
        position: torch.cat([streams[key].at([token], slice(None)) for key, token in donors], dim=1)
        for position, donors in donor_tokens_of(token_set for _, token_set in found).items()
    }

    @cache
    def noise_at(position: str, points: tuple[int, ...]) -> Noise:
        return Noise(of_donors[position][list(points)])

    def values_of(row: int) -> "list[torch.Tensor]":
        windows, token_set = found[row]
        points = sorted({point for window in windows for point in window})
        return [
            streams[key].at(tokens, points)
            if (key := donor_key(pair))
            else noise_at(token_set.position, tuple(points)).draw(
                len(token_set.tokens), seed, pair["pair_id"], token_set.position
            )
            for pair, tokens in token_set.donors
        ]

    def asked(row: int) -> tuple[Any, ...]:
        windows, token_set = found[row]
        return (
            prompts[token_set.recipient],
            list(token_set.tokens),
            windows,
            wanted_ids(token_set.pairs),
        )

    def ingredients(row: int) -> tuple[Any, ...]:
        return *asked(row), digest(torch.stack(values_of(row)))

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        ids, tokens, windows, wanted = zip(*map(asked, rows), strict=True)
        width = max(map(len, tokens))
        values = padded([[_widened(own, width) for own in values_of(row)] for row in rows])
        stacked = torch.stack([torch.stack(row, dim=1) for row in values], dim=1)
        token_ids = torch.tensor(padded(list(wanted)))
        return sweep(model, ids, padded(list(tokens)), windows[0], stacked, token_ids)

    batches = plan_sweeps(prompts, token_sets, runner.batch_tokens)
    kept = BatchTensors(SweepReadout)
    for rows, swept in runner.run("patches", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            windows, token_set = found[row]
            for patched in pairs_of_sweep(swept, i, token_set.pairs):
                yield token_set.position, windows, patched


def plan_sweeps(
    prompts: Mapping[Key, TokenIds],
    token_sets: Mapping[Windows, Sequence[TokenSet]],
    batch_tokens: int,
) -> list[list[int]]:
    """Numbers of the sets, counted through all windows, in batches of the same windows."""
    batches, n_before = [], 0
    for alike in token_sets.values():
        n_tokens = [len(prompts[token_set.recipient]) for token_set in alike]
        behind = [n - min(token_set.tokens) for n, token_set in zip(n_tokens, alike, strict=True)]
        order = sorted(range(len(alike)), key=lambda row, behind=behind: -behind[row])
        step = max(1, batch_tokens // max(n_tokens))
        for first in range(0, len(order), step):
            batches.append([n_before + row for row in order[first : first + step]])
        n_before += len(alike)
    return batches


def _widened(values: "torch.Tensor", width: int) -> "torch.Tensor":
    """[point, token, d_model] with so many tokens: the last one repeats."""
    return values[:, [min(token, values.shape[1] - 1) for token in range(width)]]


def window_columns(
    swept: Iterable[tuple[str, Windows, Patched]],
) -> dict[str, list[int] | list[str]]:
    """The columns of the patches table that say where each patch is."""
    at = [(position, window) for position, windows, _ in swept for window in windows]
    return {
        "point": [window[0] for _, window in at],
        "n_points": [len(window) for _, window in at],
        "position": [position for position, _ in at],
    }


def main() -> None:
    parser = step_parser(__doc__)
    add_model_options(parser)
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument(
        "--prompts", type=Path, nargs="+", required=True, help="of `original` and of the edit"
    )
    parser.add_argument(
        "--positions",
        nargs="+",
        required=True,
        choices=POSITIONS,
        help="named tokens, or sets of them",
    )
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    parser.add_argument("--max-pairs", type=positive, required=True, help="of each condition")
    parser.add_argument(
        "--max-points", type=positive, required=True, help="spread over all of them"
    )
    parser.add_argument(
        "--windows", type=int, nargs="*", required=True, help="points patched at once"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument(
        "--seed", type=int, required=True, help="of the pairs that are drawn, and of the controls"
    )
    add_part_options(parser, out="folder of a table per condition", out_rejected="patches left out")
    with run_step(parser) as args:
        runner = BatchRunner.of_step("sweep_positions", args)
        prompts = read_prompts(args.prompts)
        positions = [
            position
            for position in args.positions
            if any(has_position(position, prompt) for prompt in prompts.values())
        ]
        for position in sorted(set(args.positions) - set(positions)):
            log.info("no prompt has the position %s", position)
        pairs = read_table(args.pairs, PAIRS).to_pylist()
        pairs = [
            pair
            for pair in first_pairs(pairs, args.conditions, args.max_pairs)
            if pair["donor_kind"] in KINDS
        ]
        n_points = read_prepared(args.model).n_blocks + 1
        points = spread_points(n_points, args.max_points)
        plan = partial(plan_windows, points=points, n_points=n_points, sizes=args.windows)
        token_sets, missing, n_rows = plan_token_sets(pairs, prompts, positions, plan, args.seed)
        found = [token_set for alike in token_sets.values() for token_set in alike]
        ids = {key: prompt["token_ids"] for key, prompt in prompts.items()}
        paired = paired_of(found)
        wanted: dict[Key, set[int]] = {}
        for pair in paired:
            wanted.setdefault(donor_key(pair), set()).update(wanted_ids([pair]))
        streams = collect_streams(runner.whole(), ids, needed_tokens(found), wanted)
        swept = sweep_positions(runner, ids, token_sets, streams, args.seed)
        if args.shard is None:
            place = place_in(pairs)
            in_order = sorted(swept, key=lambda one: (place(one[2]), positions.index(one[0])))
            check_sum("sweep_positions", n_rows, len(in_order), len(missing))
            diffs = {p["pair_id"]: logit_diff(p, streams[donor_key(p)].logits) for p in paired}
            encoder, manifest = Encoder.from_folder(args.model), run_manifest(args)
            patched = [patched for _, _, patched in in_order]
            table = patch_table(patched, window_columns(in_order), diffs, args.min_gap, encoder)
            write_conditions(args.out, PATCHES, table, args.conditions, manifest)
            write_table(args.out_rejected, REJECTED, missing, manifest)
        else:
            exhaust(swept)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
