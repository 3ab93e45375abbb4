"""Where a figure leads to in the explorer: an example's page, or a list of some."""

from urllib.parse import parse_qs, quote, urlencode

ONE_TOKEN, LONGER = "one token", "longer"  # golds, as the explorer's list has them


def explorer_link(example_id: str, edit: str) -> str:
    """The address of a variant in the explorer, from the folder of the figures."""
    return f"../explorer.html#/example/{quote(example_id, safe='')}?{urlencode({'edit': edit})}"


def of_one_token(query: str) -> str:
    """The query of a list, of golds of one token alone, where it does not name golds itself.

    No query stays none.
    """
    named = not query or "golds" in parse_qs(query)
    return query if named else f"{query}&{urlencode({'golds': ONE_TOKEN})}"
