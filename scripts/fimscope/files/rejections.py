"""Rows for the rejected table, and the checks that nothing is dropped in silence, nor by chance."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from fimscope.errors import UserError
from fimscope.files.tables import Table

# Why an input was left out. Every row of a rejected table has one of these reasons.
REASONS = (
    "not_utf8",
    "binary",
    "empty",
    "too_large",
    "syntax_error",
    "vanished",
    "unreadable",
    "symlink_loop",
    "outside_source",
    "not_typescript",
    "declaration_file",
    "test_file",
    "generated",
    "minified",
    "license",
    "duplicate",
    "over_package_cap",
    "over_program_cap",
    "no_annotation",
    "unsupported_hole",
    "nothing_to_edit",
    "no_telling_name",
    "edit_failed",
    "does_not_parse",
    "other_errors",
    "unsupported_syntax",
    "other_javascript",
    "other_text",
    "hole_moved",
    "too_complex",
    "compiler_failed",
    "gold_several_tokens",
    "token_boundary",
    "over_budget",
    "position_missing",
    "not_paired",
    "not_aligned",
    "same_answer",
)

REJECTED = Table(
    "rejected",
    [
        ("step", pa.string()),
        ("package", pa.string()),
        ("path", pa.string()),
        ("example_id", pa.string(), "null where a whole program was left out"),
        ("edit", pa.string(), "null before the edits"),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ],
    place="{study}/rejected.parquet",
    row="an input that was left out, at any step",
)

UNSETTLED = ("compiler_failed",)  # reasons that may not be there the next time
MOST_UNSETTLED = 0.01  # of a step's rows: more would make it another sample
FEW_UNSETTLED = 2  # which may be more than that share of a small study


def rejection(
    step: str,
    reason: str,
    detail: str,
    package: str | None = None,
    path: str | None = None,
    example_id: str | None = None,
    edit: str | None = None,
) -> dict[str, Any]:
    """One row of the rejected table. raises ValueError for a reason that is not on the list."""
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is not one of rejections.REASONS")
    return {
        "step": step,
        "package": package,
        "path": path,
        "example_id": example_id,
        "edit": edit,
        "reason": reason,
        "detail": detail,
    }


def unsettled(rejected: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rejected rows that another run may let through."""
    return [row for row in rejected if row["reason"] in UNSETTLED]


def check_settled(step: str, rejected: Iterable[Mapping[str, Any]], n_in: int) -> None:
    """Few rows are unsettled. raises UserError where they are more than a hundredth of all."""
    rows = unsettled(rejected)
    if len(rows) > max(FEW_UNSETTLED, MOST_UNSETTLED * n_in):
        raise UserError(
            f"{step}: the compiler failed on {len(rows)} of {n_in} rows, the first time with "
            f"{rows[0]['detail']!r}; without them the sample would be another. Give the step more "
            "memory or fewer --workers, and run the same command again"
        )


def check_sum(step: str, n_in: int, n_out: int, n_rejected: int) -> None:
    """Rows in = rows out + rows rejected. raises UserError where that does not hold."""
    if n_in != n_out + n_rejected:
        raise UserError(
            f"{step}: {n_in} rows came in, {n_out} went out and {n_rejected} were rejected; "
            "this is a defect of the step, please report it"
        )
