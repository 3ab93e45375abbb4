"""Verify every variant: it parses, has its original's type errors and JavaScript, and its hole."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.manifest import run_manifest
from fimscope.rejections import check_sum, rejection
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import Rename, TypeScript, TypeScriptError

STEP = "check_types"
Row = Mapping[str, Any]


def check_types(
    typescript: TypeScript, examples: Mapping[str, Row], edited: Sequence[Row]
) -> tuple[list[Row], list[Row]]:
    """Rows of the variants table that pass every check, and rejected rows, in input order.

    examples   example_id -> its row of the examples table
    """
    variants: list[Row] = []
    rejected: list[Row] = []
    progress = Progress("checks", len(edited), "variants")
    for variant in edited:
        original = examples[variant["example_id"]]
        try:
            checks = _verified(typescript, original, variant)
        except TypeScriptError as error:
            rejected.append(
                rejection(
                    STEP,
                    error.reason,
                    error.detail,
                    original["package"],
                    original["path"],
                    variant["example_id"],
                    variant["edit"],
                )
            )
        else:
            variants.append({**variant, "checks": checks})
        progress.add()
    check_sum(STEP, len(edited), len(variants), len(rejected))
    return variants, rejected


def _verified(typescript: TypeScript, original: Row, variant: Row) -> Row:
    """The checks of a variant that passes them all; raises TypeScriptError for any other."""
    renames = [Rename(**rename) for rename in variant["renames"]]
    verdict = typescript.check(_parts(original), _parts(variant), renames)
    if verdict.reason is not None:
        raise TypeScriptError(verdict.reason, verdict.detail)
    return {
        "parses": verdict.parses,
        "same_errors": verdict.same_errors,
        "same_javascript": verdict.same_javascript,
    }


def _parts(row: Row) -> tuple[str, str, str]:
    return row["prefix"], row["gold"], row["suffix"]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--edited", type=Path, required=True, help="the variants, unchecked")
    parser.add_argument("--out", type=Path, required=True, help="the variants that pass")
    parser.add_argument("--out-rejected", type=Path, required=True, help="the rejected table")
    with run_step(parser) as args:
        examples = {
            row["example_id"]: row for row in read_table(args.examples, "examples").to_pylist()
        }
        edited = read_table(args.edited, "variants").to_pylist()
        for variant in edited:
            if variant["example_id"] not in examples:
                raise UserError(
                    f"{args.edited}: example {variant['example_id']} is not in {args.examples}; "
                    "run edit_examples.py on these examples"
                )
        with TypeScript() as typescript:
            variants, rejected = check_types(typescript, examples, edited)
        manifest = run_manifest(args)
        write_table(args.out, "variants", variants, manifest)
        write_table(args.out_rejected, "rejected", rejected, manifest)
        reasons = Counter(row["reason"] for row in rejected)
        log.info("%d variants pass, %d rejected %s", len(variants), len(rejected), dict(reasons))


if __name__ == "__main__":
    main()
