"""Measure a model on the study: accuracy, its fall under an edit, blocks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.errors import UserError
from fimscope.experiments.answers import same_type
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.tables import PROMPTS
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.typescript.tables import EXAMPLES

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
LEAST_EFFECT = 0.01  # a block does work if top-1 changes by so much without it


def measure_accuracy(
    packages: Mapping[str, str],
    prompts: Sequence[Row],
    original: Sequence[Row],
    edited: Sequence[Row],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Accuracy on the originals and after the edit.

    packages   example_id -> package
    prompts    of the originals; `original` and `edited` are the predictions, of any golds
    raises     UserError where no gold of one token, or none of several, is answered
    """
    from fimscope.training.quality import commonest_share, package_mean, share

    n_gold = {row["example_id"]: len(row["gold_token_ids"]) for row in prompts}
    after = {row["example_id"]: row for row in edited}
    one = [row for row in original if n_gold[row["example_id"]] == 1]
    several = [row for row in original if n_gold[row["example_id"]] > 1]
    for rows, golds in ((one, "one token"), (several, "several tokens")):
        if not rows:
            raise UserError(
                f"no gold of {golds} is answered, and the quality is of both; "
                "run `snakemake quality --configfile config/quality.yaml`, whose study asks for all"
            )
    both = [row for row in one if row["example_id"] in after]
    broken = [
        row
        for row in original
        if row["correct"] and row["example_id"] in after and not after[row["example_id"]]["correct"]
    ]
    broken_one = [row for row in broken if n_gold[row["example_id"]] == 1]

    def mean(rows: Sequence[Row], values: Sequence[float]) -> dict[str, float]:
        return package_mean(
            np.array(values, dtype=np.float64),
            [packages[row["example_id"]] for row in rows],
            [row["program_id"] for row in rows],
            bootstrap,
        )

    return {
        "n_single_token": len(one),
        "n_several_tokens": len(several),
        "top1": mean(one, [row["correct"] for row in one]),
        "top1_over_examples": share([row["correct"] for row in one]),
        "commonest": commonest_share(
            [row["gold"] for row in one], [packages[row["example_id"]] for row in one]
        ),
        "top10": mean(one, [row["gold_rank"] < 10 for row in one]),
        "exact_several_tokens": mean(several, [row["correct"] for row in several]),
        "top1_after_edit": mean(both, [after[row["example_id"]]["correct"] for row in both]),
        "drop": mean(
            both,
            [float(row["correct"]) - float(after[row["example_id"]]["correct"]) for row in both],
        ),
        "broken": len(broken),
        "broken_single_token": len(broken_one),
        "broken_single_token_programs": len({row["program_id"] for row in broken_one}),
        "ends_after_type": share(
            original,
            lambda row: (
                row["completed_type"] != "" and same_type(row["completion"], row["completed_type"])
            ),
        ),
    }


def measure_blocks(
    model: "Model", prompts: Sequence[Row], whole: float, batch_tokens: int
) -> dict[str, Any]:
    """What the removal of each block costs on the golds of one token.

    whole   top-1 of the whole model on them
    """
    from fimscope.training.quality import removal_effects, share

    one = [row for row in prompts if len(row["gold_token_ids"]) == 1]
    effects = removal_effects(model, one, whole, batch_tokens)
    return {
        "effects": [round(effect, 4) for effect in effects],
        "share_at_work": share(effects, lambda effect: abs(effect) >= LEAST_EFFECT),
    }


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/original.parquet")
    parser.add_argument("--original", type=Path, required=True, help="predictions of `original`")
    parser.add_argument("--edited", type=Path, required=True, help="predictions of the edit")
    add_model_options(parser)
    add_bootstrap_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the measures, as JSON")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        packages = {
            row["example_id"]: row["package"]
            for row in read_table(args.examples, EXAMPLES).to_pylist()
        }
        prompts = read_table(args.prompts, PROMPTS).to_pylist()
        measures = measure_accuracy(
            packages,
            prompts,
            read_table(args.original, PREDICTIONS).to_pylist(),
            read_table(args.edited, PREDICTIONS).to_pylist(),
            Bootstrap.of(args),
        )
        measures["blocks"] = measure_blocks(
            open_model(args), prompts, measures["top1_over_examples"], args.batch_tokens
        )
        measures["manifest"] = manifest
        with replacing(args.out) as temporary:
            temporary.write_text(dump_json(measures), encoding="utf-8")
        log.info("top-1 %.3f, %d broken", measures["top1"]["estimate"], measures["broken"])


if __name__ == "__main__":
    main()
