"""Choose donors and recipients for every condition of the patch sweep, with their controls."""

from pathlib import Path

from fimscope.corpus.tables import PROGRAMS
from fimscope.experiments.patch.pairs import (
    CONDITIONS,
    DONOR_KINDS,
    Predictions,
    number_programs,
    pair,
)
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, rejection
from fimscope.files.shelf import Shelf
from fimscope.files.tables import Rows, write_table
from fimscope.steps.frame import log, run_step, step_parser

COLUMNS = [  # of the predictions
    *("example_id", "edit", "program_id", "gold", "gold_token_id", "predicted_token_id"),
    "correct",
]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--programs", type=Path, required=True, help="programs.parquet")
    parser.add_argument("--original", type=Path, required=True, help="predictions of `original`")
    parser.add_argument("--variants", type=Path, required=True, help="predictions of the edit")
    parser.add_argument(
        "--conditions", nargs="+", required=True, choices=CONDITIONS, help="conditions to pair for"
    )
    parser.add_argument("--max-pairs", type=int, required=True, help="pairs of each condition")
    parser.add_argument("--seed", type=int, required=True, help="of the pairs that are drawn")
    parser.add_argument("--out", type=Path, required=True, help="the pairs table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="recipients left alone")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        programs = number_programs(
            Rows(args.programs, PROGRAMS, ["program_id", "cluster", "package"]), args.seed
        )
        variants, originals = (
            Predictions(Shelf.of(Rows(path, PREDICTIONS, COLUMNS)), programs, args.seed)
            for path in (args.variants, args.original)
        )
        rows, rejected = [], []
        for condition in args.conditions:
            found, lonely = pair(condition, variants, originals, args.max_pairs, args.seed)
            rows.extend(found)
            rejected.extend(
                rejection(
                    "pair_examples",
                    "not_paired",
                    f"no donor under {condition}",
                    example_id=row["example_id"],
                    edit=row["edit"],
                )
                for row in lonely
            )
            n_pairs = len(found) // len(DONOR_KINDS)
            log.info("%s: %d pairs, %d without a donor", condition, n_pairs, len(lonely))
        write_table(args.out, PAIRS, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)


if __name__ == "__main__":
    main()
