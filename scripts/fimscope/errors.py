"""Errors for people: one line that names what is wrong and what to do, never a traceback."""


class UserError(Exception):
    """A mistake in the input, the config or the environment that the user can mend.

    The message names the file, row or config key, the value found, what was expected, what to do.
    """


class MisalignedError(UserError):
    """Donors, recipients or positions that do not match one to one."""
