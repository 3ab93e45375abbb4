"""Ask the compiler whether each steered type checks in its program as well as the gold does."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.experiments.answers import same_type
from fimscope.experiments.steer.tables import STEERING_COMPLETIONS, STEERING_TYPES
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import Progress, log, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options
from fimscope.typescript.results import TypeScriptError
from fimscope.typescript.tables import VARIANTS

Row = Mapping[str, Any]


def check_steering(
    pool: TypeScriptPool, variants: Mapping[str, Row], completions: Sequence[Row]
) -> Iterator[Row]:
    """Rows of the steering_types table: each completion with its verdict, sorted by example.

    exact        the gold, but for white space
    typechecks   another type, with which the program has no error that it has not with the gold
    error        a type with which it has
    no_type      the completion spells no whole type
    unchecked    the compiler gave no answer; the detail says why
    """
    by_example: dict[str, list[Row]] = {}
    for row in completions:
        by_example.setdefault(row["example_id"], []).append(row)
    progress = Progress("checks", len(by_example), "programs")
    work = [(variants[example], by_example[example]) for example in sorted(by_example)]
    for rows in pool.map(_check_example, work):
        yield from rows
        progress.add()


def _check_example(service: TypeScript, item: tuple[Row, Sequence[Row]]) -> list[Row]:
    variant, completions = item
    verdicts = {
        spelled: _verdict(service, variant, spelled)
        for spelled in sorted({row["completed_type"] for row in completions})
    }
    found = []
    for row in completions:
        verdict, detail = verdicts[row["completed_type"]]
        found.append({**row, "verdict": verdict, "detail": detail})
    return found


def _verdict(service: TypeScript, variant: Row, spelled: str) -> tuple[str, str | None]:
    if not spelled:
        return "no_type", None
    if same_type(spelled, variant["gold"]):
        return "exact", None
    parts = (variant["prefix"], variant["gold"], variant["suffix"])
    try:
        [error] = service.new_errors(*parts, [spelled])
    except TypeScriptError as refusal:
        return "unchecked", str(refusal)
    return ("typechecks", None) if error is None else ("error", error)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--variants", type=Path, required=True, help="variants of the edit")
    parser.add_argument("--completions", type=Path, required=True, help="of apply_steering")
    add_pool_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the steering_types table")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        manifest = run_manifest(args)
        completions = read_table(args.completions, STEERING_COMPLETIONS).to_pylist()
        variants = {
            row["example_id"]: row
            for row in read_table(
                args.variants, VARIANTS, ["example_id", "prefix", "gold", "suffix"]
            ).to_pylist()
        }
        rows = list(check_steering(pool, variants, completions))
        check_sum("check_steering", len(completions), len(rows), 0)
        write_table(args.out, STEERING_TYPES, rows, manifest)
        log.info("%s", dict(Counter(row["verdict"] for row in rows)))


if __name__ == "__main__":
    main()
