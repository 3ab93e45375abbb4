"""Patch every token at every point between the aligned prompts of broken examples."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import Key
from fimscope.experiments.patch.streams import Stream, collect_streams
from fimscope.experiments.tables import PREDICTIONS
from fimscope.experiments.traces.roles import token_roles
from fimscope.experiments.traces.tables import TRACES
from fimscope.experiments.traces.traced import Trace, choose_traces, live_points
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors, digest
from fimscope.parts.store import add_cache_option
from fimscope.prompts.alignment import spread_points
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

STEP = "trace_tokens"
Row = Mapping[str, Any]
# What a patch says: the first token, target minus foil.
Said = tuple[int, float]


def trace_tokens(
    runner: BatchRunner,
    traces: Sequence[Trace],
    streams: Mapping[Key, Stream],
    points: Sequence[int],
) -> dict[tuple[int, int, int], Said]:
    """What the patch of each live token and point makes of it, by trace, token and point.

    streams   of every donor, at all tokens and points
    """
    import torch

    from fimscope.interventions.sweep import SweepReadout, sweep

    asked = [
        (number, token, live)
        for number, trace in enumerate(traces)
        for token, live in live_points(trace, points).items()
        if live
    ]

    def values_of(row: int) -> "torch.Tensor":
        number, token, live = asked[row]
        return streams[_key(traces[number].donor)].at([token], list(live))

    def ingredients(row: int) -> list[Any]:
        number, token, live = asked[row]
        trace = traces[number]
        ids = trace.recipient["token_ids"]
        return [ids, token, live, trace.target, trace.foil, digest(values_of(row))]

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        chosen = [asked[row] for row in rows]
        recipients = [traces[number] for number, _, _ in chosen]
        windows = [[point] for point in chosen[0][2]]
        donors = torch.stack([values_of(row) for row in rows], dim=1)[:, :, None]
        token_ids = torch.tensor([[each.target, each.foil] for each in recipients])
        prompts = [each.recipient["token_ids"] for each in recipients]
        tokens = [[token] for _, token, _ in chosen]
        return sweep(model, prompts, tokens, windows, donors, token_ids)

    lengths = [len(traces[number].recipient["token_ids"]) for number, _, _ in asked]
    batches = plan_traces(asked, lengths, runner.batch_tokens)
    found = {}
    kept = BatchTensors(SweepReadout)
    for rows, swept in runner.run("patches", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            number, token, live = asked[row]
            for window, point in enumerate(live):
                target, foil = swept.patched.logits[window, i, 0].tolist()
                top = int(swept.patched.top_ids[window, i, 0])
                found[number, token, point] = top, target - foil
    return found


def plan_traces(
    asked: Sequence[tuple[int, int, tuple[int, ...]]], lengths: Sequence[int], batch_tokens: int
) -> list[list[int]]:
    """Row numbers in batches of the same points, whose patched tokens have as many behind them."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for row, (_, _, live) in enumerate(asked):
        alike.setdefault(live, []).append(row)
    batches = []
    for rows in alike.values():
        rows.sort(key=lambda row: (asked[row][1] - lengths[row], row))
        step = max(1, batch_tokens // max(lengths[row] for row in rows))
        batches += [rows[first : first + step] for first in range(0, len(rows), step)]
    return batches


def trace_rows(
    traces: Sequence[Trace],
    streams: Mapping[Key, Stream],
    found: Mapping[tuple[int, int, int], Said],
    points: Sequence[int],
    min_gap: float,
    encoder: Encoder,
) -> Iterator[Row]:
    """Rows of the traces table: every token and point; where no patch was run, the recipient's."""
    for number, trace in enumerate(traces):
        ids = trace.recipient["token_ids"]
        before, there = (
            _diff(streams[_key(each)], trace) for each in (trace.recipient, trace.donor)
        )
        gap = there - before
        for token, role in enumerate(token_roles(trace.recipient, trace.donor)):
            for point in points:
                top, diff = found.get((number, token, point), (trace.foil, before))
                yield {
                    **{key: trace.recipient[key] for key in ("example_id", "edit", "program_id")},
                    **{"condition": trace.condition, "token": token, "role": role, "point": point},
                    "text": encoder.decode([ids[token]]),
                    "is_run": (number, token, point) in found,
                    "predicted": encoder.decode([top]).strip(),
                    "to_target": top == trace.target,
                    "logit_diff": diff,
                    "recipient_logit_diff": before,
                    "donor_logit_diff": there,
                    "normalised_effect": (diff - before) / gap if abs(gap) >= min_gap else None,
                }


def _diff(stream: Stream, trace: Trace) -> float:
    return stream.logits[trace.target] - stream.logits[trace.foil]


def _key(prompt: Row) -> Key:
    return prompt["example_id"], prompt["edit"]


def streams_of(runner: BatchRunner, traces: Sequence[Trace]) -> dict[Key, Stream]:
    """The residual stream of both prompts of every trace, at all tokens."""
    prompts = {_key(each): each for trace in traces for each in (trace.recipient, trace.donor)}
    ids = {key: prompt["token_ids"] for key, prompt in prompts.items()}
    tokens = {key: set(range(len(own))) for key, own in ids.items()}
    wanted: dict[Key, set[int]] = {key: set() for key in ids}
    for trace in traces:
        for each in (trace.recipient, trace.donor):
            wanted[_key(each)] |= {trace.target, trace.foil}
    return collect_streams(runner, ids, tokens, wanted)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--prompts", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    parser.add_argument(
        "--predictions", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    add_model_options(parser)
    parser.add_argument("--max-pairs", type=positive, required=True, help="broken examples")
    parser.add_argument("--max-tokens", type=positive, required=True, help="of their prompts")
    parser.add_argument("--max-points", type=positive, required=True, help="spread over all")
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of the examples that are drawn")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="traces.parquet")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        original, variant = (
            {row["example_id"]: row for row in read_table(path, PROMPTS).to_pylist()}
            for path in args.prompts
        )
        answers, edited = (read_table(path, PREDICTIONS).to_pylist() for path in args.predictions)
        by_example = {row["example_id"]: row for row in answers}
        traces, lonely = choose_traces(
            original, variant, by_example, edited, args.max_pairs, args.max_tokens, args.seed
        )
        points = spread_points(read_prepared(args.model).n_blocks + 1, args.max_points)
        runner = BatchRunner.of_step(STEP, args)
        streams = streams_of(runner, traces)
        found = trace_tokens(runner, traces, streams, points)
        encoder, manifest = Encoder.from_folder(args.model), run_manifest(args)
        rows = trace_rows(traces, streams, found, points, args.min_gap, encoder)
        write_table(args.out, TRACES, list(rows), manifest)
        rejected = [
            rejection(STEP, "not_paired", "the prompts are not aligned", **_named(row))
            for row in lonely
        ]
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        runner.store.log_counts()
        log.info("%d traces, %d patches run", len(traces), len(found))


def _named(row: Row) -> Row:
    return {key: row[key] for key in ("example_id", "edit")}


if __name__ == "__main__":
    main()
