"""Compare where the deciding token looks: right with wrong, originals with broken variants."""

from pathlib import Path

from fimscope.experiments.attention.differences import compare_outcomes, compare_pairs
from fimscope.experiments.attention.shares import match_shares, read_shares
from fimscope.experiments.attention.tables import ATTENTION_DIFFERENCES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import write_table
from fimscope.statistics.significance import is_significant
from fimscope.steps.frame import log, run_step, step_parser


def main() -> None:
    parser = step_parser(__doc__)
    two = {"type": Path, "nargs": 2, "required": True}
    parser.add_argument("--shares", **two, help="shares of `original` and of the edit")
    parser.add_argument("--splits", **two, help="split tables of the same two, in this order")
    parser.add_argument("--out", type=Path, required=True, help="the attention_differences table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        originals, variants = (
            read_shares(shares, split)
            for shares, split in zip(args.shares, args.splits, strict=True)
        )
        rows = compare_outcomes(originals) + compare_pairs(*match_shares(originals, variants))
        write_table(args.out, ATTENTION_DIFFERENCES, rows, manifest)
        n_apart = sum(is_significant(row["adjusted_p"]) for row in rows)
        log.info("%d of %d differences after Holm", n_apart, len(rows))


if __name__ == "__main__":
    main()
