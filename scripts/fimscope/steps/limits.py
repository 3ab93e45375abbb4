"""What a shell allows its processes, looked at before they fail at it in their own ways."""

import resource

from fimscope.errors import UserError

ADDRESSES = 4 << 30  # bytes; with less, Node and torch fail to start, or fail later
FILES = 64  # open at once; a step opens a file for each point of the model


def check_limits() -> None:
    """Raise UserError where `ulimit` leaves a step fewer addresses or files than it needs."""
    for limit, needed, flag, unit, what in (
        (resource.RLIMIT_AS, ADDRESSES, "-v", 1 << 10, "kB of memory"),
        (resource.RLIMIT_NOFILE, FILES, "-n", 1, "open files"),
    ):
        allowed, _ = resource.getrlimit(limit)
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            raise UserError(
                f"ulimit {flag}: {allowed // unit} {what} for each process, at least "
                f"{needed // unit} are needed; run: ulimit {flag} {needed // unit}, then the same "
                "command again, in a new shell where this one may not raise it"
            )
