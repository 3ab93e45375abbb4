"""Steer as codetrace published it, and beside it as a sounder protocol would, under one edit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.groups import read_groups
from fimscope.experiments.replication.protocol import (
    AS_PUBLISHED,
    MAIN,
    MATCHED,
    balance,
    best_window,
    block_windows,
    find_broken,
    published_window,
    replication_vectors,
)
from fimscope.experiments.steer.doses import NOTHING, Dose
from fimscope.experiments.steer.steered import Steered, steer
from fimscope.experiments.steer.tables import STEERING_RESULTS, STEERING_VECTORS
from fimscope.experiments.steer.vectors import Floats, VectorSet, mean_norms, vector_rows
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import Table, read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]


def recipients_of(
    broken: Sequence[Row], prompts: Mapping[str, Row], group: str
) -> list[dict[str, Any]]:
    """What `steer` takes: the prompts of broken examples with their gold, foil and group."""
    return [
        {
            **prompts[row["example_id"]],
            "gold_token_id": row["gold_token_id"],
            "foil_token_id": row["predicted_token_id"],
            "group": group,
            "outcome": "wrong",
            "broken": True,
        }
        for row in broken
    ]


def last_residuals(
    runner: BatchRunner, prompts: Sequence[Sequence[int]], shape: tuple[int, int]
) -> Floats:
    """The residuals of each prompt's last token, [prompt, point, d_model] float32.

    shape   points and d_model
    """
    from fimscope.inference.residuals import collect

    def ask(model: "Model", rows: list[int]) -> "dict[str, Tensor]":
        values = collect(model, [prompts[row] for row in rows], [[-1]] * len(rows))
        return {"last": values[:, :, 0].float().transpose(0, 1)}

    found = np.zeros((len(prompts), *shape), dtype=np.float32)
    batches, kept = runner.plan(map(len, prompts)), BatchTensors(dict)
    for rows, values in runner.run("residuals", batches, ask, lambda row: prompts[row], kept):
        found[rows] = values["last"].numpy()
    return found


def replicate_codetrace(
    steered: Steered, recipients: Mapping[str, Sequence[Row]], widths: Sequence[int]
) -> list[Row]:
    """Rows of the steering_results table: broken examples of `select` and `test`, steered.

    The mean difference behind every window of blocks; on `test` beside the uniform vector there,
    and the many random ones at the published window and at the one that is best on `select`.
    """
    windows = block_windows(steered.prepared.n_blocks, widths)
    vectors = steered.vectors
    if not vectors.by_name:
        return []

    def doses(*kinds: str) -> list[Dose]:
        return [Dose(kind, v.name, None) for kind in kinds for v in vectors.by_kind[kind]]

    select = list(steer(steered, recipients["select"], windows, lambda _: doses(MAIN)))
    published = published_window(steered.prepared.n_blocks)
    compared = sorted({published, best_window(select) or published})
    test = list(steer(steered, recipients["test"], windows, lambda _: doses(MAIN, AS_PUBLISHED)))
    controls = steer(steered, recipients["test"], compared, lambda _: doses(MATCHED))
    # The answer without steering comes with every run; it is kept once.
    return [*select, *test, *(row for row in controls if row["kind"] != NOTHING.kind)]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    for name, what in (("original", "of `original`"), ("variants", "of the edit")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"predictions {what}")
        parser.add_argument(f"--{name}-prompts", type=Path, required=True, help=f"prompts {what}")
    add_model_options(parser)
    parser.add_argument(
        "--windows", type=positive, nargs="+", required=True, help="blocks steered together"
    )
    parser.add_argument("--n-random", type=positive, required=True, help="random vectors")
    parser.add_argument(
        "--max-examples", type=positive, required=True, help="broken ones of each group, at most"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the random vectors")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the steering_results table")
    parser.add_argument("--out-vectors", type=Path, required=True, help="the vectors' table")
    with run_step(parser) as args:
        manifest = run_manifest(args)

        def by_example(path: Path, kind: Table) -> dict[str, Row]:
            return {row["example_id"]: row for row in read_table(path, kind).to_pylist()}

        groups = read_groups(args.examples)
        broken = find_broken(
            by_example(args.original, PREDICTIONS),
            read_table(args.variants, PREDICTIONS).to_pylist(),
            groups,
        )
        kept = {name: balance(own, args.max_examples, args.seed) for name, own in broken.items()}
        before = by_example(args.original_prompts, PROMPTS)
        after = by_example(args.variants_prompts, PROMPTS)
        fit = kept["fit"]
        runner = BatchRunner.of_step("replicate_codetrace", args)
        prepared = read_prepared(args.model)
        sides = [[side[row["example_id"]]["token_ids"] for row in fit] for side in (before, after)]
        shape = prepared.n_blocks + 1, prepared.d_model
        right, wrong = (last_residuals(runner, side, shape) for side in sides)
        vectors = VectorSet(
            replication_vectors(
                right - wrong, [row["program_id"] for row in fit], args.n_random, args.seed
            ),
            mean_norms(wrong),
        )
        steered = Steered(runner, prepared, Encoder.from_folder(args.model), vectors)
        recipients = {name: recipients_of(kept[name], after, name) for name in ("select", "test")}
        rows = replicate_codetrace(steered, recipients, args.windows)
        write_table(args.out, STEERING_RESULTS, rows, manifest)
        write_table(args.out_vectors, STEERING_VECTORS, vector_rows(vectors), manifest)
        runner.store.log_counts()
        for name, own in broken.items():
            log.info("%s: %d of %d broken examples used", name, len(kept[name]), len(own))


if __name__ == "__main__":
    main()
