"""Record the attention to every token in the heads that move most, in a pair for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.attention.chosen import choose_heads, choose_pair
from fimscope.experiments.attention.shares import match_shares, read_shares
from fimscope.experiments.attention.tables import ATTENTION_DIFFERENCES, ATTENTION_HEADS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.prompts.token_texts import token_text
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def view_heads(
    model: "Model", chosen: Sequence[tuple[tuple[int, int], str, Row]], encoder: Encoder
) -> list[Row]:
    """Rows of the attention_heads table: the last token's weight on each token of its prompt.

    chosen   (block and head, region, row of the prompts table)
    """
    from fimscope.inference.attention import attention_patterns

    rows = []
    for head, region, prompt in chosen:
        (pattern,) = attention_patterns(model, [prompt["token_ids"]], [[-1]], [head])
        rows.append(
            {
                **{key: prompt[key] for key in ("example_id", "edit", "program_id")},
                "block": head[0],
                "head": head[1],
                "region": region,
                "tokens": [token_text(token, encoder) for token in prompt["token_ids"]],
                "weights": pattern[0, 0].tolist(),
            }
        )
    return rows


def main() -> None:
    parser = step_parser(__doc__)
    two = {"type": Path, "nargs": 2, "required": True}
    parser.add_argument("--prompts", **two, help="prompts of `original` and of the edit")
    parser.add_argument("--shares", **two, help="shares of the same two, in this order")
    parser.add_argument("--splits", **two, help="split tables of the same two, in this order")
    parser.add_argument("--differences", type=Path, required=True, help="of compare_attention")
    parser.add_argument("--n-heads", type=positive, default=2, help="so many heads")
    add_model_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the attention_heads table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs = match_shares(
            *(
                read_shares(shares, split)
                for shares, split in zip(args.shares, args.splits, strict=True)
            )
        )
        differences = read_table(args.differences, ATTENTION_DIFFERENCES).to_pylist()
        prompts = [
            {row["example_id"]: row for row in read_table(path, PROMPTS).to_pylist()}
            for path in args.prompts
        ]
        chosen = [
            (head, region, table[example])
            for head, region in choose_heads(differences, args.n_heads)
            if (example := choose_pair(*pairs, head, region)) is not None
            for table in prompts
        ]
        rows = view_heads(open_model(args), chosen, Encoder.from_folder(args.model))
        write_table(args.out, ATTENTION_HEADS, rows, manifest)
        log.info("%d heads", len(rows) // 2)


if __name__ == "__main__":
    main()
