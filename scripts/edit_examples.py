"""Carry out one edit on every example; the variants are not yet checked."""

import argparse
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.digests import file_sha256
from fimscope.files.rejections import check_settled, check_sum, rejection, unsettled
from fimscope.files.tables import Rows
from fimscope.parts.store import UNKEPT, WHOLE, add_part_options
from fimscope.prompts.aligned_names import AlignedNames
from fimscope.prompts.encoder import TOKENIZER, Encoder
from fimscope.steps.frame import Progress, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import (
    CORPUS_NAMED,
    ORIGINAL,
    is_aligned,
    parse_edit,
    spell_edit,
)
from fimscope.typescript.new_names import NewNames, corpus_names
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, named_program
from fimscope.typescript.results import Edited, Hole, TypeScriptError
from fimscope.typescript.tables import EXAMPLES
from fimscope.typescript.variants import Store, map_parts, variant_store, write_variants

STEP = "edit_examples"
TOGETHER = 48  # examples of one request, whose texts the compiler reads together
HOLE = ("prefix", "gold", "suffix", "name_start")
Row = Mapping[str, Any]
Outcome = Edited | TypeScriptError


def edit_examples(
    pool: TypeScriptPool,
    examples: Collection[Row],
    edit: str,
    seed: int,
    exported: bool = False,
    store: Store = UNKEPT,
    aligned: AlignedNames | None = None,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each, `variants` (`checks` null) or `rejected`, in input order.

    edit       in its one spelling, as `fimscope.typescript.edit_names.canonical_edit` gives it
    exported   names that a program exports change too
    store      where finished parts are kept; a shard's rows are those of its parts
    aligned    of an edit that keeps tokens in place: what chooses its names
    """
    n_out: Counter[str] = Counter()
    failed: list[Row] = []
    progress = Progress(edit, store.shard.n_of(len(examples)), "examples")

    def edit_all(service: TypeScript, part: Sequence[Row]) -> list[tuple[str, Row]]:
        if edit == ORIGINAL:
            outcomes = map(_unedited, part)
        elif aligned:

            def align(row: Row) -> Edited:
                return aligned.edit(service, Hole.of(row), edit)

            outcomes = (_alone(align, row) for row in part)
        else:
            outcomes = _together(service, part, edit, seed, exported)
        return [_row_of(row, edit, outcome) for row, outcome in zip(part, outcomes, strict=True)]

    for rows in map_parts(pool, edit_all, examples, store):
        n_out.update(name for name, _ in rows)
        failed += unsettled(row for name, row in rows if name == "rejected")
        yield from rows
        progress.add(len(rows))
    check_settled(STEP, failed, store.shard.n_of(len(examples)))
    if store.shard == WHOLE:
        check_sum(STEP, len(examples), n_out["variants"], n_out["rejected"])


def _row_of(example: Row, edit: str, outcome: Outcome) -> tuple[str, Row]:
    """The row of one example, with its table."""
    if isinstance(outcome, TypeScriptError):
        return "rejected", rejection(
            STEP,
            outcome.reason,
            outcome.detail,
            example["package"],
            example["path"],
            example["example_id"],
            edit,
        )
    kept = {key: example[key] for key in ("example_id", "program_id", "kind")}
    edited = {**vars(outcome), "renames": [vars(rename) for rename in outcome.renames]}
    return "variants", {**kept, "edit": edit, **edited, "checks": None}


def _unedited(example: Row) -> Outcome:
    return Edited(**{key: example[key] for key in (*HOLE, "name")}, renames=[])


def _together(
    service: TypeScript, examples: Sequence[Row], edit: str, seed: int, exported: bool
) -> Iterator[Outcome]:
    """Some at a time; where the compiler fails on those, one by one."""

    def edit_one(row: Row) -> Edited:
        return service.edit(edit, *(row[key] for key in HOLE), seed, exported)

    for start in range(0, len(examples), TOGETHER):
        some = examples[start : start + TOGETHER]
        outcomes = service.edits(edit, some, seed, exported)
        yield from [_alone(edit_one, row) for row in some] if outcomes is None else outcomes


def _alone(edit_one: Callable[[Row], Edited], example: Row) -> Outcome:
    try:
        with named_program(example):
            return edit_one(example)
    except TypeScriptError as error:
        return error


def read_names(path: Path) -> tuple[str, ...]:
    """The names of a file, one on each line; raises UserError for what is no lower-case name."""
    names = tuple(path.read_text(encoding="utf-8").split())
    for name in names:
        if not (name.isascii() and name.isalpha() and name.islower()):
            raise UserError(f"{path}: {name!r} found; expected names of the letters a to z")
    return names


def model_of(args: argparse.Namespace) -> Path:
    """The folder of the model; raises UserError where the command line names none."""
    if args.model is None:
        raise UserError(f"--edit: {args.edit} keeps a model's tokens in place; name it by --model")
    return args.model


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument(
        "--edit",
        required=True,
        help="an edit such as rename_vars, rename_vars@0.5 (half of its sites), rename_vars@k3 "
        "(three of them), or several joined by +",
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the names and the sites")
    parser.add_argument(
        "--exported", action="store_true", help="change names that the program exports too"
    )
    parser.add_argument("--syllables", type=positive, required=True, help="of a meaningless name")
    parser.add_argument("--names", type=Path, help="a file of meaningless names to draw from first")
    parser.add_argument(
        "--model", type=Path, help="folder of the prepared model, of whose tokens an edit keeps"
    )
    add_pool_options(parser)
    add_part_options(parser, out="the variants table, unchecked", out_rejected="the rejected table")
    with run_step(parser) as args:
        steps = parse_edit(args.edit)
        columns = ["kind", "name", "gold"]
        needs_corpus = any(step.name in CORPUS_NAMED for step in steps)
        new_names = NewNames(
            args.syllables,
            read_names(args.names) if args.names else None,
            corpus_names(Rows(args.examples, EXAMPLES, columns)) if needs_corpus else None,
        )
        settings = {"edit": spell_edit(steps), "seed": args.seed, "exported": args.exported}
        encoder = Encoder.from_folder(model_of(args)) if is_aligned(args.edit) else None
        of_model = {"tokenizer": file_sha256(args.model / TOKENIZER)} if encoder else {}
        store = variant_store(STEP, args, new_names=new_names.request(), **settings, **of_model)
        with TypeScriptPool(args.workers, args.seconds, new_names) as pool:
            examples = Rows(args.examples, EXAMPLES)
            aligned = encoder and AlignedNames.of(pool, encoder, args.seed, args.exported)
            rows = edit_examples(pool, examples, **settings, store=store, aligned=aligned)
            write_variants(rows, args)
            store.log_counts()


if __name__ == "__main__":
    main()
