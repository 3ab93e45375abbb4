"""Record where the deciding token looks: its attention to the whole prompt, in every head."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.rejections import check_sum
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def view_attention(
    model: "Model", prompts: Sequence[Row], heads: Sequence[tuple[int, int]], batch_tokens: int
) -> list[list[Row]]:
    """For each prompt its rows of the attention table: the last token's weights, head by head.

    Only that token's row of each pattern is kept, not the whole n x n.
    """
    from fimscope.attention import read_attention
    from fimscope.batch import plan_batches, run_batches

    def read_rows(rows: list[int]) -> Any:
        token_ids = [prompts[row]["token_ids"] for row in rows]
        return read_attention(model, token_ids, [[-1]] * len(rows), heads)

    found: list[list[Row]] = [[] for _ in prompts]
    progress = Progress("attention", len(prompts), "prompts")
    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    for rows, patterns in run_batches(read_rows, batches):
        for row, pattern in zip(rows, patterns, strict=True):
            kept = {key: prompts[row][key] for key in ("example_id", "edit", "program_id")}
            found[row] = [
                {**kept, "position": "last", "block": block, "head": head, "weights": weights}
                for (block, head), weights in zip(heads, pattern[:, 0].tolist(), strict=True)
            ]
        progress.add(len(rows))
    return found


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.set_defaults(attention="eager")  # the only kernel that makes patterns
    parser.add_argument("--out", type=Path, required=True, help="the attention table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        model = open_model(args)
        heads = [(block, head) for block in range(model.n_blocks) for head in range(model.n_heads)]
        found = view_attention(model, prompts, heads, args.batch_tokens)
        check_sum("view_attention", len(prompts), sum(map(bool, found)), 0)
        write_table(args.out, "attention", [row for group in found for row in group], manifest)
        log.info("%d prompts, %d heads", len(prompts), len(heads))


if __name__ == "__main__":
    main()
