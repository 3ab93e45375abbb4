"""Take every function-signature annotation out of the programs in turn: one example per hole."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fimscope.corpus.groups import assign_groups
from fimscope.corpus.tables import PROGRAMS
from fimscope.errors import UserError
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_settled, check_sum, rejection, unsettled
from fimscope.files.tables import Rows, write_tables
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser
from fimscope.steps.seeds import draw
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, named_program
from fimscope.typescript.results import Hole, Holes, RejectedHole, TypeScriptError
from fimscope.typescript.tables import EXAMPLES

STEP = "make_examples"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a chosen hole is in its program, in code points: all that is kept until the groups are
    known."""

    example_id: str
    kind: str
    name: str
    name_start: int
    start: int
    end: int


@dataclass(frozen=True)
class Choice:
    """A program's chosen holes, and a rejected row for each of its other annotations."""

    places: list[Place]
    rejected: list[Row]
    n_in: int  # annotations, or 1 for a program without


def make_examples(
    pool: TypeScriptPool,
    programs: Collection[Row],
    per_program: int,
    fractions: tuple[float, float, float],
    seed: int,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each, `examples` or `rejected`, in the programs' and source order.

    Every annotation of a program is one row of one of the two; a program without annotations, or
    that the compiler can't read, is one rejected row. Of more than `per_program` holes a choice is
    drawn from the seed. The programs are gone through twice, and never all in memory.

    raises UserError where no program has a hole
    """
    choices: list[list[Place]] = []
    failed: list[Row] = []
    n_in = n_rejected = 0
    progress = Progress("holes", len(programs), "programs")
    for choice in pool.map(lambda service, row: _choice(service, row, per_program, seed), programs):
        yield from (("rejected", row) for row in choice.rejected)
        choices.append(choice.places)
        failed += unsettled(choice.rejected)
        n_in += choice.n_in
        n_rejected += len(choice.rejected)
        progress.add()
    check_settled(STEP, failed, len(programs))
    check_sum(STEP, n_in, sum(map(len, choices)), n_rejected)
    keys = [(row["program_id"], row["package"], row["cluster"]) for row in programs]
    n_examples = Counter(
        {key[0]: len(places) for key, places in zip(keys, choices, strict=True) if places}
    )
    if not n_examples:
        raise UserError(
            f"--programs: no function-signature annotation in {len(programs)} programs; "
            "collect programs that have some"
        )
    groups = assign_groups(keys, n_examples, fractions, seed)
    in_groups: Counter[str] = Counter()
    for program, places in zip(programs, choices, strict=True):
        group = groups[program["program_id"]]
        in_groups[group] += len(places)
        yield from (("examples", _example(program, place, group)) for place in places)
    log.info("examples in groups: %s", dict(in_groups))


def _choice(service: TypeScript, program: Row, per_program: int, seed: int) -> Choice:
    try:
        with named_program(program):
            found = service.holes(program["content"])
    except TypeScriptError as error:
        return Choice([], [_rejected_row(program, error.reason, error.detail)], 1)
    if not found.holes and not found.rejected:
        detail = "no annotation in a function's signature"
        return Choice([], [_rejected_row(program, "no_annotation", detail)], 1)
    return choose_holes(program, found, per_program, seed)


def choose_holes(program: Row, found: Holes, per_program: int, seed: int) -> Choice:
    """At most `per_program` of a program's holes, drawn from the seed."""
    ids = [example_id(program, hole) for hole in found.holes]
    chosen = set(sorted(ids, key=lambda name: draw(seed, name))[:per_program])
    places = [
        Place(
            name,
            hole.kind,
            hole.name,
            hole.name_start,
            hole.start,
            hole.end,
        )
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
    return Choice(places, rejected, len(found.holes) + len(found.rejected))


def _example(program: Row, place: Place, group: str) -> Row:
    content = program["content"]
    return {
        "example_id": place.example_id,
        **{key: program[key] for key in ("program_id", "package", "path")},
        "kind": place.kind,
        "name": place.name,
        "gold": content[place.start : place.end],
        "prefix": content[: place.start],
        "suffix": content[place.end :],
        "name_start": place.name_start,
        "group": group,
    }


def example_id(program: Row, hole: Hole | RejectedHole) -> str:
    """A hole's name: 16 hexadecimal digits, the same in every run over the same program."""
    place = f"{program['program_id']}\0{hole.kind}\0{hole.start}"
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
    add_pool_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the examples table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="the rejected table")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        programs = Rows(args.programs, PROGRAMS)
        rows = make_examples(pool, programs, args.per_program, tuple(args.fractions), args.seed)
        written = write_tables(
            {EXAMPLES: args.out, REJECTED: args.out_rejected}, rows, run_manifest(args)
        )
        log.info("%d examples, %d rejected", written["examples"], written["rejected"])


if __name__ == "__main__":
    main()
