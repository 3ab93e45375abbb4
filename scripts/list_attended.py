"""List for every head the tokens of the prompt at which the deciding token looks most."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.rejections import check_sum
from fimscope.steps import log, positive, run_step, step_parser
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

Row = Mapping[str, Any]


def list_attended(
    model: "Model", prompts: Sequence[Row], n_tokens: int, least_weight: float, batch_tokens: int
) -> list[list[Row]]:
    """For each prompt its rows of the attention_tokens table: one a head, of the last token.

    n_tokens, least_weight   at most so many tokens of a head are kept, of at least this weight
    """
    from fimscope.attention import last_patterns

    heads = [(block, head) for block in range(model.n_blocks) for head in range(model.n_heads)]
    found: list[list[Row]] = [[] for _ in prompts]
    token_ids = [prompt["token_ids"] for prompt in prompts]
    for row, pattern in last_patterns(model, token_ids, heads, batch_tokens):
        key = {name: prompts[row][name] for name in ("example_id", "edit", "program_id")}
        kept = most_attended(pattern, n_tokens, least_weight)
        found[row] = [
            {**key, "block": block, "head": head, "tokens": tokens, "weights": weights}
            for (block, head), (tokens, weights) in zip(heads, kept, strict=True)
        ]
    return found


def most_attended(
    weights: "torch.Tensor", n_tokens: int, least_weight: float
) -> Iterator[tuple[list[int], list[float]]]:
    """Of each row of [head, token] the tokens of most weight, the first first, and their weights.

    Of equal weights the earlier token comes first.
    """
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    n_kept = (ordered[:, :n_tokens] >= least_weight).sum(dim=-1).tolist()
    for head, n in enumerate(n_kept):
        yield order[head, :n].tolist(), ordered[head, :n].tolist()


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument("--n-tokens", type=positive, default=8, help="at most, of each head")
    parser.add_argument("--least-weight", type=float, default=0.02, help="of a token that is kept")
    add_model_options(parser)
    parser.set_defaults(attention="eager")  # the only kernel that makes patterns
    parser.add_argument("--out", type=Path, required=True, help="the attention_tokens table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        found = list_attended(
            open_model(args), prompts, args.n_tokens, args.least_weight, args.batch_tokens
        )
        check_sum("list_attended", len(prompts), sum(map(bool, found)), 0)
        rows = [row for group in found for row in group]
        write_table(args.out, "attention_tokens", rows, manifest)
        log.info("%d prompts", len(prompts))


if __name__ == "__main__":
    main()
