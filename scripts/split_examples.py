"""Split the answers into right and wrong, find the broken ones, and count the funnel to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.manifest import run_manifest
from fimscope.rejections import check_sum
from fimscope.steps import log, run_step, step_parser
from fimscope.tables import read_table, write_table

Row = Mapping[str, Any]


def split_examples(predictions: Sequence[Row], originals: Sequence[Row]) -> list[Row]:
    """One row a prediction: right or wrong, and against the original's answer broken or mended.

    An example whose original was not answered is neither broken nor mended.
    """
    before = {row["example_id"]: row["correct"] for row in originals}
    return [
        {
            **{key: row[key] for key in ("example_id", "edit", "program_id", "kind")},
            "gold": row["gold"],
            "predicted": row["predicted"],
            "outcome": "right" if row["correct"] else "wrong",
            "broken": before.get(row["example_id"]) is True and not row["correct"],
            "mended": before.get(row["example_id"]) is False and row["correct"],
        }
        for row in predictions
    ]


def count_funnel(edit: str, stages: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Programs and rows that reached each stage, in the order of the stages."""
    return [
        {
            "edit": edit,
            "stage": stage,
            "n_programs": len({row["program_id"] for row in rows}),
            "n_rows": len(rows),
        }
        for stage, rows in stages.items()
    ]


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
        predictions = read_table(args.predictions, "predictions").to_pylist()
        originals = read_table(args.original, "predictions", ["example_id", "correct"]).to_pylist()
        split = split_examples(predictions, originals)
        check_sum("split_examples", len(predictions), len(split), 0)
        key = ["program_id"]
        stages = {
            "programs": read_table(args.programs, "programs", key).to_pylist(),
            "holes": read_table(args.examples, "examples", key).to_pylist(),
            "variants": read_table(args.edited, "variants", key).to_pylist(),
            "verified": read_table(args.variants, "variants", key).to_pylist(),
            "answered": split,
            "right": [row for row in split if row["outcome"] == "right"],
            "broken": [row for row in split if row["broken"]],
        }
        write_table(args.out, "split", split, manifest)
        write_table(args.out_funnel, "funnel", count_funnel(args.edit, stages), manifest)
        log.info("%d right of %d", len(stages["right"]), len(split))


if __name__ == "__main__":
    main()
