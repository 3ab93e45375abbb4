"""Cache what the model computes at every residual point, at the named positions of every prompt."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.files.activation_cache import TENSOR, ActivationWriter, find_positions, index_rows
from fimscope.files.manifest import run_manifest
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_part_options, exhaust
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]
COLUMNS = ["example_id", "edit", "token_ids", "positions"]


def cache_activations(
    runner: BatchRunner, prompts: Sequence[Row], positions: Sequence[str]
) -> Iterator[tuple[list[int], "Tensor"]]:
    """Row numbers and their residual stream at the positions, batch by batch of the runner's shard.

    prompts   rows with `token_ids` and `positions`
    returns   [point, row, position, d_model] in the model's dtype, on the CPU; NaN where a prompt
              lacks a position
    """
    import torch

    from fimscope.inference.residuals import collect

    def ingredients(row: int) -> tuple[list[int], list[int | None]]:
        return prompts[row]["token_ids"], find_positions(prompts[row], positions)

    def ask(model: "Model", rows: list[int]) -> "dict[str, Tensor]":
        token_ids, wanted = zip(*map(ingredients, rows), strict=True)
        present = [[-1 if index is None else index for index in row] for row in wanted]
        absent = torch.tensor([[index is None for index in row] for row in wanted])
        values = collect(model, token_ids, present)
        return {TENSOR: values.masked_fill(absent[None, :, :, None], float("nan"))}

    batches = runner.plan(len(prompt["token_ids"]) for prompt in prompts)
    for rows, found in runner.run("activations", batches, ask, ingredients, BatchTensors(dict)):
        yield rows, found[TENSOR]


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
        runner = BatchRunner.of_step("cache_activations", args)
        found = cache_activations(runner, prompts, args.positions)
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
        runner.store.log_counts()


if __name__ == "__main__":
    main()
