"""Cache what the model computes at every residual point, at the named positions of every prompt."""

from pathlib import Path

from fimscope.errors import UserError
from fimscope.experiments.activations import activations_reading
from fimscope.files.activation_cache import TENSOR, ActivationWriter, index_rows
from fimscope.files.manifest import run_manifest
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, read
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, run_step, step_parser

COLUMNS = ["example_id", "edit", "token_ids", "positions"]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--positions", nargs="+", required=True, help="named positions")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the activations")
    with run_step(parser) as args:
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        if not len(prompts):
            raise UserError(
                f"{args.prompts}: no prompts: build_prompts left all out; its rejected "
                "table says why (prompt.golds: all lets golds of several tokens count)"
            )
        runner = BatchRunner.of_step(STEP, args)
        prepared = read_prepared(args.model)
        n_points = prepared.n_blocks + 1
        shape = len(prompts), len(args.positions), prepared.d_model
        writer = ActivationWriter(args.out, n_points, shape, args.dtype)
        reading = activations_reading(prompts, args.positions)
        for rows, found in read(runner, prompts, reading):
            writer.put(rows, found[TENSOR])
        runner.store.log_counts()
        writer.complete(index_rows(prompts, args.positions), run_manifest(args))
        log.info("%d points, %d prompts, %d positions", n_points, *shape[:2])


if __name__ == "__main__":
    main()
