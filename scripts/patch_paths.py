"""Patch the paths from the hole's name through single heads to the last token."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.circuits.tables import CIRCUIT_PATHS, CIRCUIT_RUNS, RUN_KEY
from fimscope.experiments.patch.donors import read_prompts
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_cache_option
from fimscope.prompts.regions import read_regions
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from fimscope.interventions.head_paths import HeadPaths
    from fimscope.models.load import Model

STEP = "patch_paths"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Start:
    """Tokens of a run's prompt that its paths start from, and the corrupted prompt's ids."""

    run: Row
    start: str
    tokens: list[int]
    own: Sequence[int]
    corrupted: Sequence[int]


def starts_of(run: Row, own: Row, corrupted: Row, seed: int) -> list[Start]:
    """The changed tokens of the hole's name, and as many others; none where either is missing.

    own, corrupted   rows of the prompts table
    """
    changed = [
        i
        for i, both in enumerate(zip(own["token_ids"], corrupted["token_ids"], strict=True))
        if both[0] != both[1]
    ]
    of_name = {
        i
        for region in read_regions(own)
        if region.kind in ("declaration", "use")
        for i in range(region.start, region.end)
    }
    name = [i for i in changed if i in of_name]
    others = [i for i in changed if i not in of_name]
    n = min(len(name), len(others))
    if not n:
        return []
    generator = np.random.default_rng(seed_of(seed, STEP, run["example_id"]))
    drawn = sorted(generator.choice(others, n, replace=False).tolist())
    ids = own["token_ids"], corrupted["token_ids"]
    return [Start(run, "name", name, *ids), Start(run, "others", drawn, *ids)]


def patch_paths(
    runner: BatchRunner, starts: Sequence[Start], blocks: Sequence[int], min_gap: float
) -> Iterator[Row]:
    """Rows of the table of paths, start by start.

    min_gap   least difference of the two runs, in logits, for a normalised effect
    """
    from fimscope.interventions.head_paths import HeadPaths, patch_head_paths

    def pair(start: Start) -> tuple[int, int]:
        return start.run["target_token_id"], start.run["foil_token_id"]

    def ask(model: "Model", rows: list[int]) -> "HeadPaths":
        [row] = rows
        one = starts[row]
        return patch_head_paths(model, one.own, one.corrupted, one.tokens, blocks, pair(one))

    def ingredients(row: int) -> list[Any]:
        one = starts[row]
        return [one.own, one.corrupted, one.tokens, list(blocks), pair(one)]

    batches = [[row] for row in range(len(starts))]
    for [row], found in runner.run("paths", batches, ask, ingredients, BatchTensors(HeadPaths)):
        one = starts[row]
        own, corrupted = found.difference.item(), found.corrupted.item()
        gap, n_heads = own - corrupted, len(found.patched) // len(blocks)
        for i, difference in enumerate(found.patched.tolist()):
            yield {
                **{name: one.run[name] for name, *_ in RUN_KEY},
                "start": one.start,
                "n_tokens": len(one.tokens),
                "block": blocks[i // n_heads],
                "head": i % n_heads,
                "logit_diff": difference,
                "effect": (own - difference) / gap if gap >= min_gap else None,
            }


def middle_blocks(n_blocks: int, depths: Sequence[float]) -> list[int]:
    """The blocks between two shares of the depth, one at least: of 24 and 1/3, 2/3 from 8 to 15."""
    first, end = (round(depth * n_blocks) for depth in depths)
    first = min(first, n_blocks - 1)
    return list(range(first, max(end, first + 1)))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="circuits/runs.parquet")
    parser.add_argument(
        "--prompts", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    add_model_options(parser)
    parser.add_argument(
        "--depths", type=float, nargs=2, required=True, help="first and last, as shares of all"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--seed", type=int, required=True, help="of the other tokens")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="circuits/paths.parquet")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        runner = BatchRunner.of_step(STEP, args)
        prompts = read_prompts(args.prompts)
        known = ["part", "corrupted_edit", "target_token_id", "foil_token_id"]
        keys = [name for name, *_ in RUN_KEY]
        runs = read_table(args.runs, CIRCUIT_RUNS, [*keys, *known]).to_pylist()
        tests = [run for run in runs if run["part"] == "test"]
        starts = [
            start
            for run in tests
            for start in starts_of(
                run,
                *(prompts[run["example_id"], run[of]] for of in ("edit", "corrupted_edit")),
                args.seed,
            )
        ]
        blocks = middle_blocks(read_prepared(args.model).n_blocks, args.depths)
        rows = list(patch_paths(runner, starts, blocks, args.min_gap))
        runner.store.log_counts()
        write_table(args.out, CIRCUIT_PATHS, rows, manifest)
        n = len(starts) // 2
        log.info("%d runs with paths; %d lack changed tokens of either kind", n, len(tests) - n)


if __name__ == "__main__":
    main()
