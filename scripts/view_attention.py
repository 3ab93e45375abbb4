"""Record where the deciding token looks: its attention to each kind of region, in every head."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.attention_regions import REGION_KINDS, region_tokens
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.rejections import check_sum
from fimscope.steps import log, run_step, step_parser
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def view_attention(
    model: "Model", prompts: Sequence[Row], heads: Sequence[tuple[int, int]], batch_tokens: int
) -> NDArray[np.float32]:
    """Shares of the last token's attention, [prompt, head, kind of REGION_KINDS]."""
    from fimscope.attention import last_patterns

    shares = np.full((len(prompts), len(heads), len(REGION_KINDS)), np.nan, dtype=np.float32)
    token_ids = [prompt["token_ids"] for prompt in prompts]
    for row, pattern in last_patterns(model, token_ids, heads, batch_tokens):
        shares[row] = pattern.numpy() @ region_tokens(prompts[row])
    return shares


def shares_table(
    prompts: Sequence[Row], heads: Sequence[tuple[int, int]], shares: NDArray[np.float32]
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
    parser.set_defaults(attention="eager")  # the only kernel that makes patterns
    parser.add_argument("--out", type=Path, required=True, help="the attention_shares table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        model = open_model(args)
        heads = [(block, head) for block in range(model.n_blocks) for head in range(model.n_heads)]
        shares = view_attention(model, prompts, heads, args.batch_tokens)
        n_read = int(np.isfinite(shares).all(axis=(1, 2)).sum())
        check_sum("view_attention", len(prompts), n_read, 0)
        table = shares_table(prompts, heads, shares)
        write_table(args.out, "attention_shares", table, manifest)
        log.info("%d prompts, %d heads", len(prompts), len(heads))


if __name__ == "__main__":
    main()
