"""Run every prompt through the model once, and keep of it all that other steps read of it.

Its answers, and where that is asked for the activations, the last token's attention and what each
head gives there. Nothing is written but the parts, in the cache: `predict_types`,
`cache_activations`, `read_lens`, `view_attention` and `list_attended` find them there, and run
what they miss themselves.
"""

from pathlib import Path

from fimscope.experiments.activations import activations_reading
from fimscope.experiments.answers import answers_reading
from fimscope.experiments.attention.readings import attended_reading, shares_reading
from fimscope.experiments.lens.readings import heads_reading
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, keep_readings
from fimscope.models.options import add_model_options
from fimscope.parts.store import add_part_options
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import run_step, step_parser

COLUMNS = ["token_ids", "gold_token_ids", "positions", "regions"]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--max-new-tokens", type=int, required=True, help="of the completed type")
    parser.add_argument(
        "--positions", nargs="+", help="named positions whose activations are kept; default: none"
    )
    parser.add_argument(
        "--last-attention", action="store_true", help="keep where the last token looks"
    )
    parser.add_argument(
        "--last-heads", action="store_true", help="keep what each head gives at the last token"
    )
    add_part_options(parser)
    with run_step(parser) as args:
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        readings = [answers_reading(prompts, args.max_new_tokens)]
        if args.positions:
            readings.append(activations_reading(prompts, args.positions))
        if args.last_attention:
            readings += [shares_reading(prompts), attended_reading(prompts)]
        if args.last_heads:
            readings.append(heads_reading(prompts))
        runner = BatchRunner.of_step(STEP, args)
        keep_readings(runner, prompts, readings)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
