"""What each token of an aligned prompt is to its hole."""

from collections.abc import Mapping
from typing import Any

from fimscope.prompts.regions import read_regions

# Each token has the first of these that it is.
ROLES = ("last", "format", "hole_name", "use", "other_name", "annotation", "comment", "rest")
OF_REGIONS = {"fim": "format", "declaration": "hole_name", "use": "use"}


def token_roles(prompt: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The role of each token of a prompt, of which `other` is the aligned partner.

    last         the last token
    format       a token of the prompt format
    hole_name    the hole's own name where it is declared
    use          another use of that name
    other_name   any other token that differs between the two: of another renamed name
    annotation, comment, rest   as the prompt's regions have it
    """
    roles = []
    for region in read_regions(prompt):
        for token in range(region.start, region.end):
            differs = prompt["token_ids"][token] != other["token_ids"][token]
            renamed = "other_name" if differs else region.kind
            roles.append(OF_REGIONS.get(region.kind, renamed))
    return [*roles[:-1], "last"]
