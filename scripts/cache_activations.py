"""Cache what the model computes at every residual point, at the named positions of every prompt."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.files.activation_cache import TENSOR, ActivationWriter, find_positions, index_rows
from fimscope.files.manifest import run_manifest
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows
from fimscope.models.options import add_model_options, model_opener
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import TensorsFormat
from fimscope.parts.recipe import model_recipe
from fimscope.parts.store import PartStore, add_part_options, exhaust
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import Progress, log, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]
COLUMNS = ["example_id", "edit", "token_ids", "positions"]


def collect_batch(
    model: "Model", token_ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int | None]]
) -> "Tensor":
    """The residual stream of prompts at their positions; NaN where one lacks the position.

    positions   [example, position] token index
    returns     [point, example, position, d_model] in the model's dtype, on the CPU
    """
    import torch

    from fimscope.inference.batch import run_batches
    from fimscope.inference.residuals import collect

    def collect_rows(rows: list[int]) -> Any:
        wanted = [positions[row] for row in rows]
        present = [[-1 if index is None else index for index in row] for row in wanted]
        absent = torch.tensor([[index is None for index in row] for row in wanted])
        values = collect(model, [token_ids[row] for row in rows], present)
        return values.masked_fill(absent[None, :, :, None], float("nan"))

    parts = run_batches(collect_rows, [list(range(len(token_ids)))])
    return torch.cat([values for _, values in parts], dim=1)


def cache_activations(
    open_model: Callable[[], "Model"],
    prompts: Sequence[Row],
    positions: Sequence[str],
    batch_tokens: int,
    store: PartStore[Mapping[str, "Tensor"]],
) -> Iterator[tuple[list[int], "Tensor"]]:
    """Row numbers of each batch of the store's shard, and what `collect_batch` gives for them.

    prompts   rows with `token_ids` and `positions`

    A batch is a part.
    """
    from fimscope.inference.batch import plan_batches

    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    own = list(store.shard.of(batches))
    progress = Progress("activations", sum(map(len, own)), "prompts")
    for rows in own:
        chosen = [prompts[row] for row in rows]
        wanted = (
            [prompt["token_ids"] for prompt in chosen],
            [find_positions(prompt, positions) for prompt in chosen],
        )
        part = store.get(
            wanted, lambda wanted=wanted: {TENSOR: collect_batch(open_model(), *wanted)}
        )
        yield rows, part[TENSOR]
        progress.add(len(rows))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--positions", nargs="+", required=True, help="named positions")
    add_part_options(parser, out="folder of the activations")
    with run_step(parser) as args:
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        if not len(prompts):
            raise UserError(
                f"{args.prompts}: no prompts: build_prompts left all out; its rejected "
                "table says why (prompt.golds: all lets golds of several tokens count)"
            )
        recipe = model_recipe("cache_activations", args)
        store = PartStore(args.cache, args.shard, recipe, TensorsFormat())
        found = cache_activations(
            model_opener(args), prompts, args.positions, args.batch_tokens, store
        )
        if args.shard is None:
            prepared = read_prepared(args.model)
            n_points = prepared.n_blocks + 1
            shape = len(prompts), len(args.positions), prepared.d_model
            writer = ActivationWriter(args.out, n_points, shape, args.dtype)
            for rows, values in found:
                writer.put(rows, values)
            writer.complete(index_rows(prompts, args.positions), run_manifest(args))
            log.info("%d points, %d prompts, %d positions", n_points, *shape[:2])
        else:
            exhaust(found)
        store.log_counts()


if __name__ == "__main__":
    main()
