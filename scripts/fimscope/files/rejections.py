"""Rows for the rejected table, and the check that nothing is dropped in silence."""

from typing import Any

from fimscope.errors import UserError
from fimscope.files.schemas import REASONS


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
        raise ValueError(f"{reason!r} is not one of schemas.REASONS")
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
