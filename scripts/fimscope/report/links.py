"""Where a figure leads to: an example's page in the explorer."""

from urllib.parse import quote, urlencode


def explorer_link(example_id: str, edit: str) -> str:
    """The address of a variant in the explorer, from the folder of the figures."""
    return f"../explorer.html#/example/{quote(example_id, safe='')}?{urlencode({'edit': edit})}"
