"""Record where the deciding token looks: its attention to each kind of region, in every head."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.attention.readings import shares_reading
from fimscope.experiments.attention.shares import REGION_KINDS, region_tokens
from fimscope.experiments.attention.tables import ATTENTION_SHARES
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, read
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, run_step, step_parser

Row = Mapping[str, Any]
Floats = NDArray[np.float32]
COLUMNS = ["example_id", "edit", "program_id", "token_ids", "regions"]


def view_attention(runner: BatchRunner, prompts: Sequence[Row], n_heads: int) -> Floats:
    """Shares of the last token's attention, [prompt, head, kind of REGION_KINDS]."""
    shares = np.full((len(prompts), n_heads, len(REGION_KINDS)), np.nan, dtype=np.float32)
    for rows, found in read(runner, prompts, shares_reading(prompts)):
        shares[rows] = found["shares"].numpy()
    return shares


def shares_table(
    prompts: Sequence[Row], heads: Sequence[tuple[int, int]], shares: Floats
) -> pa.Table:
    """The attention_shares table: prompt by prompt, head by head, every kind of region."""
    n_heads, n_kinds = len(heads), len(REGION_KINDS)
    counts = np.array([region_tokens(prompt).sum(axis=0) for prompt in prompts], dtype=np.int32)
    counts = counts.reshape(len(prompts), 1, n_kinds)
    of_prompt = pa.array(np.repeat(np.arange(len(prompts)), n_heads * n_kinds))
    blocks, numbers = np.array(heads, dtype=np.int32).T
    return pa.table(
        {
            **{
                key: pa.array([prompt[key] for prompt in prompts], pa.string()).take(of_prompt)
                for key in ("example_id", "edit", "program_id")
            },
            "block": np.tile(np.repeat(blocks, n_kinds), len(prompts)),
            "head": np.tile(np.repeat(numbers, n_kinds), len(prompts)),
            "region": pa.array(REGION_KINDS).take(
                pa.array(np.tile(np.arange(n_kinds), len(prompts) * n_heads))
            ),
            "n_tokens": np.repeat(counts, n_heads, axis=1).reshape(-1),
            "n_prompt_tokens": np.repeat(counts.sum(axis=2), n_heads * n_kinds).astype(np.int32),
            "share": shares.reshape(-1),
        }
    )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the attention_shares table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        heads = read_prepared(args.model).heads
        runner = BatchRunner.of_step(STEP, args)
        shares = view_attention(runner, prompts, len(heads))
        runner.store.log_counts()
        n_read = int(np.isfinite(shares).all(axis=(1, 2)).sum())
        check_sum("view_attention", len(prompts), n_read, 0)
        table = shares_table(prompts, heads, shares)
        write_table(args.out, ATTENTION_SHARES, table, manifest)
        log.info("%d prompts, %d heads", len(prompts), len(heads))


if __name__ == "__main__":
    main()
