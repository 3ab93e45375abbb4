"""Judge every completed type by the compiler: the gold, equivalent to it, or does it check?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.whole_types.tables import COMPLETIONS, JUDGED_PARTS, VERDICTS
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_settled, check_sum, rejection, unsettled
from fimscope.files.tables import read_table, write_tables
from fimscope.parts.formats import RowsFormat
from fimscope.parts.store import UNKEPT, add_cache_option
from fimscope.steps.frame import Progress, log, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options
from fimscope.typescript.results import TypeScriptError, Verdict
from fimscope.typescript.tables import VARIANTS
from fimscope.typescript.variants import Store, map_parts, variant_store

STEP = "judge_answers"
TOGETHER = 8  # holes whose programs the compiler reads together
NEVER_ENDS = "the completion has not ended"
Row = Mapping[str, Any]


def judge_answers(
    pool: TypeScriptPool,
    variants: Mapping[str, Row],
    completions: Sequence[Row],
    right: str,
    store: Store = UNKEPT,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each, `verdicts` or `rejected`, in the completions' order.

    variants   example_id -> its row of the variants table, with the hole
    right      of RIGHT: which verdicts count as right
    store      where finished parts are kept
    raises     UserError where a completion is not of these variants
    """
    progress = Progress("judges", len(completions), "answers")
    asked = (_hole(variants, row) for row in completions)
    failed: list[Row] = []
    for rows in map_parts(pool, _judge_all, asked, store, RowsFormat(JUDGED_PARTS)):
        for table, row in rows:
            if table == "verdicts":
                yield table, {**row, "right": row["verdict"] in RIGHT[right]}
            else:
                failed += unsettled([row])
                yield table, row
        progress.add(len(rows))
    check_settled(STEP, failed, len(completions))


def _hole(variants: Mapping[str, Row], completion: Row) -> Row:
    variant = variants.get(completion["example_id"])
    if variant is None or variant["gold"] != completion["gold"]:
        raise UserError(
            f"--completions: example {completion['example_id']} is not in --variants; run "
            "complete_types.py on these variants"
        )
    return {**completion, "prefix": variant["prefix"], "suffix": variant["suffix"]}


def _judge_all(service: TypeScript, holes: Sequence[Row]) -> list[tuple[str, Row]]:
    judged: list[tuple[str, Row]] = []
    for start in range(0, len(holes), TOGETHER):
        some = holes[start : start + TOGETHER]
        # What has not ended is asked too: it has no answer, and a gold with a form.
        asked = [{**row, "answer": row["completed_type"] if row["ended"] else ""} for row in some]
        judged += [_row(*pair) for pair in zip(some, service.verdicts(asked), strict=True)]
    return judged


def _row(hole: Row, verdict: Verdict | TypeScriptError) -> tuple[str, Row]:
    if isinstance(verdict, TypeScriptError):
        name, edit = hole["example_id"], hole["edit"]
        reason, detail = verdict.reason, verdict.detail
        return "rejected", rejection(STEP, reason, detail, example_id=name, edit=edit)
    detail = verdict.detail if hole["ended"] else NEVER_ENDS
    return "verdicts", {
        **{name: hole.get(name) for name in VERDICTS.schema.names},
        **vars(verdict),
        "detail": detail,
    }


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument(
        "--completions", type=Path, required=True, help="completions/{edit}.parquet"
    )
    parser.add_argument("--right", choices=list(RIGHT), required=True, help="what counts as right")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the verdicts table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        store = variant_store(STEP, args)
        completions = read_table(args.completions, COMPLETIONS).to_pylist()
        columns = ["example_id", "prefix", "gold", "suffix"]
        variants = {
            row["example_id"]: row
            for row in read_table(args.variants, VARIANTS, columns).to_pylist()
        }
        rows = judge_answers(pool, variants, completions, args.right, store)
        paths = {VERDICTS: args.out, REJECTED: args.out_rejected}
        written = write_tables(paths, rows, run_manifest(args))
        check_sum(STEP, len(completions), written["verdicts"], written["rejected"])
        store.log_counts()
        found = read_table(args.out, VERDICTS, ["verdict"])["verdict"].to_pylist()
        log.info("%s", dict(Counter(found)))


if __name__ == "__main__":
    main()
