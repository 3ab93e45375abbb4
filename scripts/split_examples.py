"""Split the answers into right and wrong, find the broken ones, and count the funnel to them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fimscope.corpus.tables import PROGRAMS
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import Rows, write_table, write_tables
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.steps.seeds import Names, numbers_of
from fimscope.typescript.tables import EXAMPLES, VARIANTS

Row = Mapping[str, Any]
KEPT = ("example_id", "edit", "program_id", "kind", "gold", "predicted")


def split_examples(predictions: Iterable[Row], originals: Collection[Row]) -> Iterator[Row]:
    """One row a prediction, as they come: right or wrong; broken or mended against the original's.

    An example whose original was not answered is neither broken nor mended.
    """
    right = Names(row["example_id"] for row in originals if row["correct"])
    wrong = Names(row["example_id"] for row in originals if not row["correct"])
    for row in predictions:
        yield {
            **{key: row[key] for key in KEPT},
            "outcome": "right" if row["correct"] else "wrong",
            "broken": not row["correct"] and row["example_id"] in right,
            "mended": row["correct"] and row["example_id"] in wrong,
        }


def count_funnel(edit: str, stages: Mapping[str, Iterable[Row]]) -> list[Row]:
    """Programs and rows that reached each stage, in the order of the stages."""
    funnel = []
    for stage, rows in stages.items():
        programs = numbers_of(row["program_id"] for row in rows)
        count = {"n_programs": len(np.unique(programs)), "n_rows": len(programs)}
        funnel.append({"edit": edit, "stage": stage, **count})
    return funnel


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--programs", type=Path, required=True, help="programs.parquet")
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--edited", type=Path, required=True, help="edited/{edit}.parquet")
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--predictions", type=Path, required=True, help="of the edit")
    parser.add_argument("--original", type=Path, required=True, help="predictions of `original`")
    parser.add_argument("--edit", required=True, help="the edit's name")
    parser.add_argument("--out", type=Path, required=True, help="the split table")
    parser.add_argument("--out-funnel", type=Path, required=True, help="the funnel table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        predictions = Rows(args.predictions, PREDICTIONS, [*KEPT, "correct"])
        originals = Rows(args.original, PREDICTIONS, ["example_id", "correct"])
        rows = (("split", row) for row in split_examples(predictions, originals))
        written = write_tables({SPLIT: args.out}, rows, manifest)
        check_sum("split_examples", len(predictions), written["split"], 0)
        key = ["program_id"]
        split = Rows(args.out, SPLIT, [*key, "outcome", "broken"])
        stages = {
            "programs": Rows(args.programs, PROGRAMS, key),
            "holes": Rows(args.examples, EXAMPLES, key),
            "variants": Rows(args.edited, VARIANTS, key),
            "verified": Rows(args.variants, VARIANTS, key),
            "answered": split,
            "right": (row for row in split if row["outcome"] == "right"),
            "broken": (row for row in split if row["broken"]),
        }
        funnel = count_funnel(args.edit, stages)
        write_table(args.out_funnel, FUNNEL, funnel, manifest)
        n_right = next(row["n_rows"] for row in funnel if row["stage"] == "right")
        log.info("%d right of %d", n_right, len(split))


if __name__ == "__main__":
    main()
