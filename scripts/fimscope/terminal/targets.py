"""What can be asked of Snakemake by name: the targets, with a line each, and the steps apart."""

import textwrap
from collections.abc import Mapping, Sequence


def target_lines(targets: Mapping[str, str], steps: Sequence[str]) -> list[str]:
    """The list that `snakemake --list-target-rules` shows.

    targets   name -> what it makes, in the order of the list
    steps     names of rules that a target makes use of, and that can be asked for alone
    """
    width = max(map(len, targets)) + 2
    lines = [f"{name:{width}}{about}" for name, about in targets.items()]
    if steps:
        told = textwrap.fill(", ".join(sorted(steps)), 96, break_on_hyphens=False)
        lines += ["", "Steps that these make use of, each of which can be asked for alone:", told]
    return lines
