"""Rows for the rejected table, and the check that nothing is dropped in silence."""

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
    "edit_failed",
    "does_not_parse",
    "other_errors",
    "unsupported_syntax",
    "other_javascript",
    "other_text",
    "hole_moved",
    "time_limit",
    "compiler_failed",
    "gold_several_tokens",
    "token_boundary",
    "over_budget",
    "position_missing",
    "not_paired",
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
    place="{folder}/rejected.parquet",
    row="an input that was left out, at any step",
)


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


def check_sum(step: str, n_in: int, n_out: int, n_rejected: int) -> None:
    """Rows in = rows out + rows rejected. raises UserError where that does not hold."""
    if n_in != n_out + n_rejected:
        raise UserError(
            f"{step}: {n_in} rows came in, {n_out} went out and {n_rejected} were rejected; "
            "this is a defect of the step, please report it"
        )
