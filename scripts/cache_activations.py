"""Cache what the model computes at every residual point, at the named positions of every prompt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.store import ActivationWriter, index_rows
from fimscope.tables import read_table

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def cache_activations(
    model: "Model",
    token_ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int | None]],
    batch_tokens: int,
    writer: ActivationWriter,
) -> None:
    """Write every prompt's residual stream at its positions; NaN where it lacks the position.

    positions   [example, position] token index
    """
    import torch

    from fimscope.batch import plan_batches, run_batches
    from fimscope.collect import collect

    def collect_rows(rows: list[int]) -> Any:
        wanted = [positions[row] for row in rows]
        present = [[-1 if index is None else index for index in row] for row in wanted]
        absent = torch.tensor([[index is None for index in row] for row in wanted])
        values = collect(model, [token_ids[row] for row in rows], present)
        return values.masked_fill(absent[None, :, :, None], float("nan"))

    progress = Progress("activations", len(token_ids), "prompts")
    batches = plan_batches([len(ids) for ids in token_ids], batch_tokens)
    for rows, values in run_batches(collect_rows, batches):
        writer.put(rows, values)
        progress.add(len(rows))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--positions", nargs="+", default=["last"], help="named positions")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cache")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(
            args.prompts, "prompts", ["example_id", "edit", "token_ids", "positions"]
        )
        if not len(prompts):
            raise UserError(
                f"{args.prompts}: no prompts: build_prompts left all out; its rejected "
                "table says why (prompt.golds: all lets golds of several tokens count)"
            )
        index = index_rows(prompts, args.positions)
        positions = [[p["index"] for p in row["positions"]] for row in index]
        model = open_model(args)
        shape = (len(prompts), len(args.positions), model.d_model)
        writer = ActivationWriter(args.out, model.n_points, shape, args.dtype)
        token_ids = prompts["token_ids"].to_pylist()
        cache_activations(model, token_ids, positions, args.batch_tokens, writer)
        writer.complete(index, manifest)
        log.info("%d points, %d prompts, %d positions", model.n_points, *shape[:2])


if __name__ == "__main__":
    main()
