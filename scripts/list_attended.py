"""List for every head the tokens of the prompt at which the deciding token looks most."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.attention.shares import all_heads
from fimscope.experiments.attention.tables import ATTENDED, ATTENTION_TOKENS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchRows
from fimscope.parts.store import add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

Row = Mapping[str, Any]
COLUMNS = ["example_id", "edit", "program_id", "token_ids"]


def list_attended(
    runner: BatchRunner,
    prompts: Sequence[Row],
    heads: Sequence[tuple[int, int]],
    keep: "Callable[[torch.Tensor], Iterable[tuple[list[int], list[float]]]]",
) -> list[list[Row]]:
    """For each prompt its rows of the attention_tokens table: one a head, of the last token.

    keep   see `most_attended`
    """
    from fimscope.inference.attention import last_patterns

    def ask(model: "Model", rows: list[int]) -> list[Row]:
        patterns = last_patterns(model, [prompts[row]["token_ids"] for row in rows], heads)
        kept = [zip(*keep(pattern), strict=True) for pattern in patterns]
        return [{"tokens": tokens, "weights": weights} for tokens, weights in kept]

    def ingredients(row: int) -> list[int]:
        return prompts[row]["token_ids"]

    found: list[list[Row]] = [[] for _ in prompts]
    batches = runner.plan(len(prompt["token_ids"]) for prompt in prompts)
    for rows, kept in runner.run("attention", batches, ask, ingredients, BatchRows(ATTENDED)):
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
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the attention_tokens table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        kept = {"n_tokens": args.n_tokens, "least_weight": args.least_weight}
        runner = BatchRunner.of_step("list_attended", args, **kept)
        heads, keep = all_heads(read_prepared(args.model)), partial(most_attended, **kept)
        found = list_attended(runner, prompts, heads, keep)
        runner.store.log_counts()
        check_sum("list_attended", len(prompts), sum(map(bool, found)), 0)
        rows = [row for group in found for row in group]
        write_table(args.out, ATTENTION_TOKENS, rows, manifest)
        log.info("%d prompts", len(prompts))


if __name__ == "__main__":
    main()
