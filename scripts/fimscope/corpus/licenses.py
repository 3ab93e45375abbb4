"""Which licenses are allowed: SPDX expressions against a list."""

import re
from collections.abc import Collection

TOKEN = re.compile(r"\(|\)|[^\s()]+")


def is_allowed(expression: str, allowed: Collection[str]) -> bool:
    """Whether an SPDX license expression can be met with allowed licenses alone.

    Of `A OR B` one must be allowed, of `A AND B` both; `A WITH exception` must be in the list as
    it stands. What is no SPDX expression (`SEE LICENSE IN ...`) is not allowed.
    """
    known = {" ".join(license.split()).casefold() for license in allowed}
    tokens = [token.casefold() for token in TOKEN.findall(expression)]
    try:
        met = _either(tokens, known)
    except (IndexError, RecursionError):
        return False
    return met and not tokens


def _either(tokens: list[str], known: set[str]) -> bool:
    met = _both(tokens, known)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        met = _both(tokens, known) or met
    return met


def _both(tokens: list[str], known: set[str]) -> bool:
    met = _one(tokens, known)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        met = _one(tokens, known) and met
    return met


def _one(tokens: list[str], known: set[str]) -> bool:
    name = tokens.pop(0)
    if name == "(":
        met = _either(tokens, known)
        return tokens.pop(0) == ")" and met
    if tokens and tokens[0] == "with":
        tokens.pop(0)
        name = f"{name} with {tokens.pop(0)}"
    return name in known
