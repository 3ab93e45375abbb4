"""Take every function-signature annotation out of the programs in turn: one example per hole."""

import argparse
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.corpus.draws import draw
from fimscope.corpus.groups import assign_groups
from fimscope.errors import UserError
from fimscope.manifest import run_manifest
from fimscope.rejections import check_sum, rejection
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import Hole, Holes, RejectedHole, TypeScript, TypeScriptError

STEP = "make_examples"
Row = Mapping[str, Any]


def make_examples(
    typescript: TypeScript,
    programs: Sequence[Row],
    per_program: int,
    fractions: tuple[float, float, float],
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """Rows of the examples table and of the rejected table, in the programs' and source order.

    Every annotation of a program is one row of one of the two; a program without annotations, or
    that the compiler can't read, is one rejected row. Of more than `per_program` holes a choice is
    drawn from the seed.
    """
    examples: list[dict[str, Any]] = []
    rejected: list[Row] = []
    n_in = 0
    progress = Progress("holes", len(programs), "programs")
    for program in programs:
        try:
            found = typescript.holes(program["content"])
        except TypeScriptError as error:
            found = Holes([], [])
            rejected.append(_rejected_row(program, error.reason, error.detail))
        else:
            if not found.holes and not found.rejected:
                detail = "no annotation in a function's signature"
                rejected.append(_rejected_row(program, "no_annotation", detail))
        n_in += len(found.holes) + len(found.rejected) or 1
        chosen, left_out = choose_holes(program, found, per_program, seed)
        examples += chosen
        rejected += left_out
        progress.add()
    check_sum(STEP, n_in, len(examples), len(rejected))
    groups = assign_groups(
        [(row["program_id"], row["package"], row["cluster"]) for row in programs],
        Counter(row["program_id"] for row in examples),
        fractions,
        seed,
    )
    return [{**row, "group": groups[row["program_id"]]} for row in examples], rejected


def choose_holes(
    program: Row, found: Holes, per_program: int, seed: int
) -> tuple[list[dict[str, Any]], list[Row]]:
    """A program's examples, at most `per_program` of them, and the rejected rows of its others."""
    ids = [example_id(program, hole) for hole in found.holes]
    chosen = set(sorted(ids, key=lambda name: draw(seed, name))[:per_program])
    examples = [
        {
            "example_id": name,
            "program_id": program["program_id"],
            "package": program["package"],
            "path": program["path"],
            **vars(hole),
        }
        for name, hole in zip(ids, found.holes, strict=True)
        if name in chosen
    ]
    over = f"not among the {per_program} chosen of {len(ids)}"
    rejected = [
        _rejected_row(program, "over_program_cap", over, name) for name in ids if name not in chosen
    ]
    rejected += [
        _rejected_row(program, hole.reason, hole.detail, example_id(program, hole))
        for hole in found.rejected
    ]
    return examples, rejected


def example_id(program: Row, hole: Hole | RejectedHole) -> str:
    """A hole's name: 16 hexadecimal digits, the same in every run over the same program."""
    start = hole.start if isinstance(hole, RejectedHole) else len(hole.prefix)
    place = f"{program['program_id']}\0{hole.kind}\0{start}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _rejected_row(program: Row, reason: str, detail: str, example_id: str | None = None) -> Row:
    return rejection(STEP, reason, detail, program["package"], program["path"], example_id)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--programs", type=Path, required=True, help="programs.parquet")
    parser.add_argument(
        "--per-program", type=positive, required=True, help="the most examples of one program"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the choice and the groups")
    parser.add_argument(
        "--fractions",
        type=float,
        nargs=3,
        required=True,
        metavar=("FIT", "SELECT", "TEST"),
        help="the groups' shares of the examples",
    )
    parser.add_argument("--out", type=Path, required=True, help="the examples table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="the rejected table")
    with run_step(parser) as args:
        programs = read_table(args.programs, "programs").to_pylist()
        with TypeScript() as typescript:
            examples, rejected = make_examples(
                typescript, programs, args.per_program, tuple(args.fractions), args.seed
            )
        if not examples:
            raise UserError(
                f"{args.programs}: no function-signature annotation in {len(programs)} programs; "
                "collect programs that have some"
            )
        manifest = run_manifest(args)
        write_table(args.out, "examples", examples, manifest)
        write_table(args.out_rejected, "rejected", rejected, manifest)
        groups = Counter(row["group"] for row in examples)
        log.info("%d examples %s, %d rejected", len(examples), dict(groups), len(rejected))


def positive(text: str) -> int:
    """A whole number above zero, from the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above zero")
    return int(text)


if __name__ == "__main__":
    main()
