"""Completed types judged by the compiler, each in its own program."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.whole_types.tables import JUDGED_PARTS, VERDICTS
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.files.rejections import check_settled, rejection, unsettled
from fimscope.parts.formats import RowsFormat
from fimscope.parts.store import UNKEPT
from fimscope.steps.frame import Progress
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.results import TypeScriptError, Verdict
from fimscope.typescript.variants import Store, map_parts

TOGETHER = 8  # holes whose programs, with the gold and with the answer, the compiler reads together
NEVER_ENDS = "the completion has not ended"
Row = Mapping[str, Any]


def judge_answers(
    step: str,
    pool: TypeScriptPool,
    variants: Mapping[str, Row],
    completions: Sequence[Row],
    right: str,
    store: Store = UNKEPT,
    together: int = TOGETHER,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each, `verdicts` or `rejected`, in the completions' order.

    step       that leaves out what cannot be judged
    variants   example_id -> its row of the variants table, with the hole
    right      of RIGHT: which verdicts count as right
    store      where finished parts are kept
    together   so many answers are asked of at once; it changes no verdict
    raises     UserError where a completion is not of these variants
    """
    progress = Progress("judges", len(completions), "answers")
    asked = (_hole(variants, row) for row in completions)
    failed: list[Row] = []

    def judge_all(service: TypeScript, holes: Sequence[Row]) -> list[tuple[str, Row]]:
        verdicts = _verdicts(service, holes, together)
        return [_row(step, *pair) for pair in zip(holes, verdicts, strict=True)]

    for rows in map_parts(pool, judge_all, asked, store, RowsFormat(JUDGED_PARTS)):
        for table, row in rows:
            if table == "verdicts":
                yield table, {**row, "right": row["verdict"] in RIGHT[right]}
            else:
                failed += unsettled([row])
                yield table, row
        progress.add(len(rows))
    check_settled(step, failed, len(completions))


def _hole(variants: Mapping[str, Row], completion: Row) -> Row:
    variant = variants.get(completion["example_id"])
    if variant is None or variant["gold"] != completion["gold"]:
        raise UserError(
            f"example {completion['example_id']} is not in --variants; make its completions of "
            "these variants"
        )
    return {**completion, "prefix": variant["prefix"], "suffix": variant["suffix"]}


def _verdicts(
    service: TypeScript, holes: Sequence[Row], together: int
) -> Iterator[Verdict | TypeScriptError]:
    for start in range(0, len(holes), together):
        some = holes[start : start + together]
        # What has not ended is asked too: it has no answer, and a gold with a form.
        yield from service.verdicts(
            [{**row, "answer": row["completed_type"] if row["ended"] else ""} for row in some]
        )


def _row(step: str, hole: Row, verdict: Verdict | TypeScriptError) -> tuple[str, Row]:
    if isinstance(verdict, TypeScriptError):
        name, edit = hole["example_id"], hole["edit"]
        reason, detail = verdict.reason, verdict.detail
        return "rejected", rejection(step, reason, detail, example_id=name, edit=edit)
    detail = verdict.detail if hole["ended"] else NEVER_ENDS
    return "verdicts", {
        **{name: hole.get(name) for name in VERDICTS.schema.names},
        **vars(verdict),
        "detail": detail,
    }
