"""List for every head the tokens of the prompt at which the deciding token looks most."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.experiments.attention.readings import LEAST_WEIGHT, N_TOKENS, attended_reading
from fimscope.experiments.attention.tables import ATTENTION_TOKENS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, Reading, read
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

Row = Mapping[str, Any]
COLUMNS = ["example_id", "edit", "program_id", "token_ids"]


def list_attended(
    runner: BatchRunner,
    prompts: Sequence[Row],
    heads: Sequence[tuple[int, int]],
    reading: Reading[list[Row]],
) -> list[list[Row]]:
    """For each prompt its rows of the attention_tokens table: one a head, of the last token."""
    found: list[list[Row]] = [[] for _ in prompts]
    for rows, kept in read(runner, prompts, reading):
        for row, own in zip(rows, kept, strict=True):
            of_heads = zip(heads, own["tokens"], own["weights"], strict=True)
            found[row] = [
                {
                    **{key: prompts[row][key] for key in ("example_id", "edit", "program_id")},
                    "block": block,
                    "head": head,
                    "tokens": tokens,
                    "weights": weights,
                }
                for (block, head), tokens, weights in of_heads
            ]
    return found


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument("--n-tokens", type=positive, default=N_TOKENS, help="at most, of each head")
    parser.add_argument(
        "--least-weight", type=float, default=LEAST_WEIGHT, help="of a token that is kept"
    )
    add_model_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the attention_tokens table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        runner = BatchRunner.of_step(STEP, args)
        heads = read_prepared(args.model).heads
        reading = attended_reading(prompts, args.n_tokens, args.least_weight)
        found = list_attended(runner, prompts, heads, reading)
        runner.store.log_counts()
        check_sum("list_attended", len(prompts), sum(map(bool, found)), 0)
        rows = [row for group in found for row in group]
        write_table(args.out, ATTENTION_TOKENS, rows, manifest)
        log.info("%d prompts", len(prompts))


if __name__ == "__main__":
    main()
