"""Carry out one edit on every example; the variants are not yet checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.manifest import run_manifest
from fimscope.rejections import check_sum, rejection
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import TypeScript, TypeScriptError

STEP = "edit_examples"
ORIGINAL = "original"
Row = Mapping[str, Any]


def edit_examples(
    typescript: TypeScript, examples: Sequence[Row], edit: str, seed: int
) -> tuple[list[Row], list[Row]]:
    """Rows of the variants table, `checks` null, and of the rejected table, in input order."""
    variants: list[Row] = []
    rejected: list[Row] = []
    progress = Progress(edit, len(examples), "examples")
    for example in examples:
        try:
            variants.append(
                {
                    **{key: example[key] for key in ("example_id", "program_id", "kind")},
                    "edit": edit,
                    **_edited(typescript, example, edit, seed),
                    "checks": None,
                }
            )
        except TypeScriptError as error:
            rejected.append(
                rejection(
                    STEP,
                    error.reason,
                    error.detail,
                    example["package"],
                    example["path"],
                    example["example_id"],
                    edit,
                )
            )
        progress.add()
    check_sum(STEP, len(examples), len(variants), len(rejected))
    return variants, rejected


def _edited(typescript: TypeScript, example: Row, edit: str, seed: int) -> Row:
    parts = ("prefix", "gold", "suffix", "name_start")
    if edit == ORIGINAL:
        return {**{key: example[key] for key in (*parts, "name")}, "renames": []}
    edited = typescript.edit(edit, *(example[key] for key in parts), seed)
    return {**vars(edited), "renames": [vars(rename) for rename in edited.renames]}


def check_edit(edit: str, known: Sequence[str]) -> None:
    """Raise UserError for an edit that is not `original`, nor known ones joined by `+`."""
    if edit != ORIGINAL and not set(edit.split("+")) <= set(known):
        raise UserError(
            f"--edit: {edit!r} is not one of {', '.join([ORIGINAL, *known])}, "
            "nor several of them joined by +"
        )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--edit", required=True, help="the edit's name, or several joined by +")
    parser.add_argument("--seed", type=int, required=True, help="seed of the new names")
    parser.add_argument("--out", type=Path, required=True, help="the variants table, unchecked")
    parser.add_argument("--out-rejected", type=Path, required=True, help="the rejected table")
    with run_step(parser) as args:
        examples = read_table(args.examples, "examples").to_pylist()
        with TypeScript() as typescript:
            check_edit(args.edit, typescript.edit_names())
            variants, rejected = edit_examples(typescript, examples, args.edit, args.seed)
        manifest = run_manifest(args)
        write_table(args.out, "variants", variants, manifest)
        write_table(args.out_rejected, "rejected", rejected, manifest)
        log.info("%d variants, %d rejected", len(variants), len(rejected))


if __name__ == "__main__":
    main()
