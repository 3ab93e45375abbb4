"""The kinds of types that whole types are told of one by one."""

from fimscope.experiments.accuracy.strata import LIBRARY

STRATA = ("builtin", "own type", "array", "generic", "union", "function", "other")


def stratum_of(form: str, spelled: str) -> str:
    """Of a type that is spelled so; form is one of `verdicts.FORMS`."""
    if form != "name":
        return form
    return "builtin" if spelled in LIBRARY else "own type"
