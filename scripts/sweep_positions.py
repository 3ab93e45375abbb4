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

    A shard has the sets of its parts. All sets of one recipient share one prefill of its prompt.
    """
    import torch

    from fimscope.interventions.ragged import Patch, sweep_ragged
    from fimscope.interventions.sweep import SweepReadout

    found = [token_set for alike in token_sets.values() for token_set in alike]
    of_donors = {
        position: torch.cat([streams[key].at([token], slice(None)) for key, token in donors], dim=1)
        for position, donors in donor_tokens_of(found).items()
    }

    @cache
    def noise_at(position: str, points: tuple[int, ...]) -> Noise:
        return Noise(of_donors[position][list(points)])

    def values_of(token_set: TokenSet, points: Sequence[int]) -> "torch.Tensor":
        """[donor, point, token, d_model]"""
        return torch.stack(
            [
                streams[key].at(tokens, points)
                if (key := donor_key(pair))
                else noise_at(token_set.position, tuple(points)).draw(
                    len(token_set.tokens), seed, pair["pair_id"], token_set.position
                )
                for pair, tokens in token_set.donors
            ]
        )

    groups = by_recipient(token_sets)
    recipients = list(groups)

    def wanted_of(row: int) -> list[int]:
        own = groups[recipients[row]]
        return wanted_ids(pair for _, token_set in own for pair in token_set.pairs)

    def ingredients(row: int) -> tuple[Any, ...]:
        sets = [
            (windows, list(own.tokens), digest(values_of(own, points_of(windows))))
            for windows, own in groups[recipients[row]]
        ]
        return prompts[recipients[row]], wanted_of(row), sets

    def patches_of(row: int, number: int) -> "Iterator[Patch]":
        """Of one recipient, which has a number in its batch: set by set and window by window."""
        for windows, own in groups[recipients[row]]:
            points = points_of(windows)
            values = values_of(own, points)
            for window in windows:
                places = {point: points.index(point) for point in window}
                for of_donor in values:
                    at_points = {point: of_donor[place] for point, place in places.items()}
                    yield Patch(number, own.tokens, at_points)

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        ids = [prompts[recipients[row]] for row in rows]
        wanted = torch.tensor(padded([wanted_of(row) for row in rows]))
        patches = [patch for i, row in enumerate(rows) for patch in patches_of(row, i)]
        return sweep_ragged(model, ids, patches, wanted)

    lengths = [len(prompts[key]) for key in recipients]
    firsts = [min(min(own.tokens) for _, own in groups[key]) for key in recipients]
    # Those of like length behind their first patch.
    like = [length - first for length, first in zip(lengths, firsts, strict=True)]
    copied = [
        sum(
            len(windows) * len(own.donors) * (length - min(own.tokens))
            for windows, own in groups[key]
        )
        for key, length in zip(recipients, lengths, strict=True)
    ]
    batches, kept = runner.plan(lengths, like, copied), BatchTensors(SweepReadout)
    for rows, swept in runner.run("patches", batches, ask, ingredients, kept):
        first = 0
        for i, row in enumerate(rows):
            for windows, own in groups[recipients[row]]:
                shape = len(windows), len(own.donors)
                last = first + shape[0] * shape[1]
                patched = swept.patched.reshape(
                    lambda t, own=slice(first, last), n=shape: t[own].unflatten(0, n)[:, None]
                )
                first = last
                alone = SweepReadout(patched, swept.baseline.reshape(lambda t, i=i: t[i : i + 1]))
                for one in pairs_of_sweep(alone, 0, own.pairs, wanted_of(row)):
                    yield own.position, windows, one


def by_recipient(
    token_sets: Mapping[Windows, Sequence[TokenSet]],
) -> dict[Key, list[tuple[Windows, TokenSet]]]:
    """The sets of each recipient with their windows, in their order."""
    groups: dict[Key, list[tuple[Windows, TokenSet]]] = {}
    for windows, alike in token_sets.items():
        for token_set in alike:
            groups.setdefault(token_set.recipient, []).append((windows, token_set))
    return groups


def points_of(windows: Windows) -> list[int]:
    """The points of some windows, ascending, each once."""
    return sorted({point for window in windows for point in window})


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
