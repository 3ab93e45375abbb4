"""List for every head the tokens of the prompt at which the deciding token looks most."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.attention.numbers import all_heads
from fimscope.experiments.attention.tables import ATTENTION_TOKENS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows, write_table
from fimscope.inference.batching import get_parts
from fimscope.models.options import add_model_options, model_opener
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import RowsFormat
from fimscope.parts.recipe import model_recipe
from fimscope.parts.store import WHOLE, PartStore, add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

Row = Mapping[str, Any]
KEY = ("example_id", "edit", "program_id")
COLUMNS = [*KEY, "token_ids"]


def list_attended(
    open_model: Callable[[], "Model"],
    prompts: Sequence[Row],
    heads: Sequence[tuple[int, int]],
    keep: Callable[["torch.Tensor"], Iterable[tuple[list[int], list[float]]]],
    batch_tokens: int,
    store: PartStore[list[Row]],
) -> list[list[Row]]:
    """For each prompt its rows of the attention_tokens table: one a head, of the last token.

    keep   see `most_attended`

    A batch is a part of the store.
    """
    from fimscope.inference.attention import last_patterns
    from fimscope.inference.batch import plan_batches, run_batches

    def read_rows(rows: list[int]) -> "list[torch.Tensor]":
        return last_patterns(open_model(), [prompts[row]["token_ids"] for row in rows], heads)

    def read_batch(batch: list[int]) -> list[Row]:
        return [
            {
                **_key(prompts[row]),
                "block": block,
                "head": head,
                "tokens": tokens,
                "weights": weights,
            }
            for rows, patterns in run_batches(read_rows, [batch])
            for row, pattern in zip(rows, patterns, strict=True)
            for (block, head), (tokens, weights) in zip(heads, keep(pattern), strict=True)
        ]

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"], _key(prompts[row])]

    found: list[list[Row]] = [[] for _ in prompts]
    progress = Progress("attention", len(prompts), "prompts")
    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    for rows, part in get_parts(read_batch, batches, store, ingredients):
        for i, row in enumerate(rows):
            found[row] = part[i * len(heads) : (i + 1) * len(heads)]
        progress.add(len(rows))
    return found


def _key(prompt: Row) -> Row:
    return {name: prompt[name] for name in KEY}


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
        recipe = model_recipe("list_attended", args, **kept)
        store = PartStore(args.cache, WHOLE, recipe, RowsFormat(ATTENTION_TOKENS))
        heads, keep = all_heads(read_prepared(args.model)), partial(most_attended, **kept)
        found = list_attended(model_opener(args), prompts, heads, keep, args.batch_tokens, store)
        store.log_counts()
        check_sum("list_attended", len(prompts), sum(map(bool, found)), 0)
        rows = [row for group in found for row in group]
        write_table(args.out, ATTENTION_TOKENS, rows, manifest)
        log.info("%d prompts", len(prompts))


if __name__ == "__main__":
    main()
