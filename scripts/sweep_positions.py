"""Patch donors into recipients at other positions than the last, at sets of them, over windows."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.alignment import POSITIONS, has_position, spread_points
from fimscope.donors import Key, Row, TokenIds, donor_key, random_like, read_prompts
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
from fimscope.sites import (
    Site,
    Windows,
    first_pairs,
    needed_tokens,
    paired_of,
    plan_sites,
    plan_windows,
)
from fimscope.steps import Progress, log, positive, run_step, step_parser
from fimscope.streams import Stream, collect_streams
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

# sweep_patches shows that `self` changes nothing, where that costs little.
KINDS = ("paired", "unrelated", "random", "random_position")


def sweep_positions(
    model: "Model",
    prompts: Mapping[Key, TokenIds],
    sites: Mapping[Windows, Sequence[Site]],
    streams: Mapping[Key, Stream],
    batch_tokens: int,
    seed: int,
) -> Iterator[tuple[str, Windows, Patched]]:
    """Position and windows of every row of the pairs table, with what its patches make of it.

    sites   by the windows that they are patched over

    Sites of like length behind their first token go together.
    """
    import torch

    from fimscope.batch import run_batches
    from fimscope.sweep_sets import sweep_sets

    n_patches = sum(len(w) * len(site.donors) for w, found in sites.items() for site in found)
    progress = Progress("patches", n_patches, "patches")
    for windows, found in sites.items():
        points = sorted({point for window in windows for point in window})
        n_tokens = [len(prompts[site.recipient]) for site in found]
        behind = [n - min(site.tokens) for n, site in zip(n_tokens, found, strict=True)]
        order = sorted(range(len(found)), key=lambda row: -behind[row])
        step = max(1, batch_tokens // max(n_tokens))
        batches = [order[first : first + step] for first in range(0, len(order), step)]

        def sweep_rows(rows: list[int], found=found, windows=windows, points=points) -> Any:
            chosen = [found[row] for row in rows]
            width = max(len(site.tokens) for site in chosen)
            values = [
                [
                    _widened(_values(site, pair, tokens, streams, points, seed), width)
                    for pair, tokens in site.donors
                ]
                for site in chosen
            ]
            stacked = torch.stack([torch.stack(row, dim=1) for row in padded(values)], dim=1)
            wanted = padded([wanted_ids(pair for pair, _ in site.donors) for site in chosen])
            return wanted, sweep_sets(
                model,
                [prompts[site.recipient] for site in chosen],
                padded([list(site.tokens) for site in chosen]),
                windows,
                stacked,
                torch.tensor(wanted),
            )

        for rows, (wanted, sweep) in run_batches(sweep_rows, batches):
            for i, row in enumerate(rows):
                for d, (pair, _) in enumerate(found[row].donors):
                    patched = pair_of_sweep(sweep, wanted[i], pair, i, d)
                    yield found[row].position, windows, patched
                    progress.add(len(windows))


def _values(
    site: Site,
    pair: Row,
    donor_tokens: Sequence[int],
    streams: Mapping[Key, Stream],
    points: Sequence[int],
    seed: int,
) -> "torch.Tensor":
    """What a row of the pairs table puts there: [point, token, d_model]."""
    key = donor_key(pair)
    if key is None:
        own = streams[site.recipient].at(site.tokens, range(max(points) + 1))
        return random_like(own, seed, pair["pair_id"], site.position)[points]
    return streams[key].at(donor_tokens, points)


def _widened(values: "torch.Tensor", width: int) -> "torch.Tensor":
    """[point, token, d_model] with so many tokens: the last one repeats."""
    return values[:, [min(token, values.shape[1] - 1) for token in range(width)]]


def position_rows(
    swept: Sequence[tuple[str, Windows, Patched]],
    donor_diffs: Mapping[str, float],
    min_gap: float,
    encoder: Encoder,
) -> list[Row]:
    """Rows of the patches table: one a pair, position and window; `point` is the window's first.

    donor_diffs   of each pair, the paired donor's own target minus foil
    """
    return [
        {
            **key_columns(patched.pair),
            "point": window[0],
            "n_points": len(window),
            "position": position,
            **measures(patched, number, donor_diffs[patched.pair["pair_id"]], min_gap, encoder),
        }
        for position, windows, patched in swept
        for number, window in enumerate(windows)
    ]


def main() -> None:
    parser = step_parser(__doc__)
    add_model_options(parser)
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument(
        "--prompts", type=Path, nargs="+", required=True, help="of `original` and of the edit"
    )
    parser.add_argument("--positions", nargs="+", required=True, choices=POSITIONS)
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    parser.add_argument("--max-pairs", type=positive, default=20, help="of each condition")
    parser.add_argument("--max-points", type=positive, default=7, help="spread over all of them")
    parser.add_argument("--windows", type=int, nargs="*", default=[], help="points patched at once")
    parser.add_argument("--min-gap", type=float, default=0.5, help="least gap in logits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of a table per condition")
    parser.add_argument("--out-rejected", type=Path, required=True, help="patches left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_prompts(args.prompts)
        positions = [
            position
            for position in args.positions
            if any(has_position(position, prompt) for prompt in prompts.values())
        ]
        for position in sorted(set(args.positions) - set(positions)):
            log.info("no prompt has the position %s", position)
        pairs = read_table(args.pairs, "pairs").to_pylist()
        pairs = [
            pair
            for pair in first_pairs(pairs, args.conditions, args.max_pairs)
            if pair["donor_kind"] in KINDS
        ]
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        points = spread_points(model.n_points, args.max_points)
        plan = partial(plan_windows, points=points, n_points=model.n_points, sizes=args.windows)
        sites, missing, n_rows = plan_sites(pairs, prompts, positions, plan, args.seed)
        found = [site for alike in sites.values() for site in alike]
        ids = {key: prompt["token_ids"] for key, prompt in prompts.items()}
        paired = paired_of(found)
        wanted: dict[Key, set[int]] = {}
        for pair in paired:
            wanted.setdefault(donor_key(pair), set()).update(wanted_ids([pair]))
        streams = collect_streams(model, ids, needed_tokens(found), wanted, args.batch_tokens)
        swept = list(sweep_positions(model, ids, sites, streams, args.batch_tokens, args.seed))
        check_sum("sweep_positions", n_rows, len(swept), len(missing))
        place = place_in(pairs)
        swept.sort(key=lambda item: (place(item[2]), positions.index(item[0])))
        diffs = {p["pair_id"]: logit_diff(p, streams[donor_key(p)].logits) for p in paired}
        rows = position_rows(swept, diffs, args.min_gap, encoder)
        write_conditions(args.out, "patches", rows, args.conditions, manifest)
        write_table(args.out_rejected, "rejected", missing, manifest)


if __name__ == "__main__":
    main()
