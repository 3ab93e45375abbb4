"""Variants made, checked and judged by the TypeScript service, in parts that are kept."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, unsettled
from fimscope.files.tables import write_tables
from fimscope.parts.formats import RowsFormat
from fimscope.parts.recipe import step_recipe
from fimscope.parts.store import PartStore, Unkept, exhaust
from fimscope.steps.frame import log
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, by_program
from fimscope.typescript.process import compiler_versions
from fimscope.typescript.tables import VARIANT_PARTS, VARIANTS

Row = Mapping[str, Any]
Outcome = tuple[str, Row]  # the table that a row goes to, such as `rejected`, and the row
Store = PartStore | Unkept

FORMAT = RowsFormat(VARIANT_PARTS)
ROWS_OF_A_PART = 48  # or more, so that no program is cut in two: some seconds of work


def parts_of_programs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in parts of whole programs."""
    part: list[Row] = []
    for run in by_program(rows):
        part += run
        if len(part) >= ROWS_OF_A_PART:
            yield part
            part = []
    if part:
        yield part


def map_parts(
    pool: TypeScriptPool,
    work: Callable[[TypeScript, Sequence[Row]], list[Outcome]],
    rows: Iterable[Row],
    store: Store,
    format: RowsFormat = FORMAT,
) -> Iterator[list[Outcome]]:
    """The outcomes of the rows, part by part in order: from the store, else by `work`.

    format   of parts, with a column for each table that an outcome may go to

    Several parts are worked on at a time; a shard has only its own. A part with a rejection that
    another run may be spared is not kept.
    """

    def outcomes(service: TypeScript, part: Sequence[Row]) -> list[Outcome]:
        def make() -> list[Row]:
            return [{table: row} for table, row in work(service, part)]

        made = store.get(part, make, format, _is_settled)
        return [(t, row) for outcome in made for t, row in outcome.items() if row is not None]

    return pool.map(outcomes, store.shard.of(parts_of_programs(rows)))


def variant_store(step: str, args: argparse.Namespace, **options: Any) -> PartStore:
    """The store of a step with the options of add_pool_options and add_part_options."""
    recipe = step_recipe(step, compilers=compiler_versions(), **options)
    return PartStore(args.cache, args.shard, recipe)


def write_variants(outcomes: Iterable[Outcome], args: argparse.Namespace) -> None:
    """Write the two tables; where the command line names a shard, only have its parts made."""
    if args.shard is None:
        paths = {VARIANTS: args.out, REJECTED: args.out_rejected}
        written = write_tables(paths, outcomes, run_manifest(args))
        log.info("%d variants, %d rejected", written["variants"], written["rejected"])
    else:
        exhaust(outcomes)


def _is_settled(outcomes: Sequence[Row]) -> bool:
    return not unsettled(outcome["rejected"] for outcome in outcomes if "rejected" in outcome)
