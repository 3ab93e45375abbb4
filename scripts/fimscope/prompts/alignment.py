"""Which tokens of a donor's prompt go onto which tokens of a recipient's."""

from collections.abc import Mapping
from typing import Any

from fimscope.errors import MisalignedError
from fimscope.prompts.regions import align_tokens, read_regions

Prompt = Mapping[str, Any]  # a row of the prompts table
Aligned = list[tuple[int, int]]  # donor's token, recipient's token

# The third of the format's tokens, fim_prefix, starts every prompt: nothing stands before it, so
# that it holds the same in donor and recipient, and a patch there is none.
SETS = {"fim": ("fim_suffix", "fim_middle")}
NAME = "name"  # the declaration of the hole's own name, and every use of it
POSITIONS = ("last", "hole_name", "fim_prefix", "fim_suffix", *SETS, NAME)
SAME_PROGRAM = ("restore", "break")  # the conditions under which names can be aligned


def align(position: str, donor: Prompt, recipient: Prompt) -> Aligned:
    """Token indices of a position or a set in two prompts.

    A set's tokens go onto their namesakes. The k-th region of the name in the donor goes onto the
    k-th in the recipient, last token onto last token, which two versions of one program share
    under every map of names.
    raises MisalignedError where a prompt lacks the position, or the two differ in their regions
    """
    if position == NAME:
        regions = read_regions(donor), read_regions(recipient)
        pairs = [pair for kind in ("declaration", "use") for pair in align_tokens(*regions, kind)]
        if not pairs:
            raise MisalignedError("neither prompt shows the hole's own name")
        return pairs
    names = SETS.get(position, (position,))
    return [(_token(donor, name), _token(recipient, name)) for name in names]


def has_position(position: str, prompt: Prompt) -> bool:
    """Whether a prompt has a position, or all tokens of a set."""
    try:
        align(position, prompt, prompt)
    except MisalignedError:
        return False
    return True


def is_aligned_pair(prompt: Prompt, other: Prompt) -> bool:
    """Whether two prompts have every token at the same place, and differ in some token."""
    n_tokens = {len(each["token_ids"]) for each in (prompt, other)}
    is_alike = all(prompt[key] == other[key] for key in ("positions", "regions"))
    return len(n_tokens) == 1 and is_alike and prompt["token_ids"] != other["token_ids"]


def spread_points(n_points: int, at_most: int) -> list[int]:
    """So many of the points 0..n_points - 1 as evenly as they go, the first and last among them."""
    n = min(n_points, max(2, at_most))
    return sorted({round(i * (n_points - 1) / (n - 1)) for i in range(n)})


def _token(prompt: Prompt, name: str) -> int:
    for found in prompt["positions"]:
        if found["name"] == name and found["index"] is not None:
            return found["index"]
    raise MisalignedError(f"a prompt has no {name}")
