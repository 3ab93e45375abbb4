"""Errors for people: one line that names what is wrong and what to do, never a traceback."""


def escaped(text: str) -> str:
    r"""A text that a terminal shows on one line and does not obey: ESC becomes \x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """A mistake in the input, the config or the environment that the user can mend.

    The message names the file, row or config key, the value found, what was expected, what to do.
    Whatever of a stranger's text is quoted in it can be shown.
    """

    def __init__(self, message: str):
        super().__init__(escaped(message))


class MisalignedError(UserError):
    """Donors, recipients or positions that do not match one to one."""
