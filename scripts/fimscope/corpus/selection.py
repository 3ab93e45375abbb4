"""Which programs of a package are taken where it has more than enough."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.steps.seeds import draw

# An annotated parameter or return type, as far as a pattern tells: `(name: `, `, name?: `, `): `.
ANNOTATION = re.compile(r"(?:[(,]\s*\w+\??|\))\s*:\s")
PLAUSIBLE_BYTES = range(300, 100_001)


def choose_programs(
    programs: Sequence[Mapping[str, Any]], per_package: int, seed: int
) -> list[bool]:
    """Whether each program is among the `per_package` taken of its package.

    Plausible programs are taken first: of 300 to 100,000 bytes, and with something that looks like
    an annotated parameter or return type. Among equals the order is drawn from the seed and the
    program's own bytes, so a file that comes or goes changes no other's place.
    """
    by_package: dict[str, list[int]] = defaultdict(list)
    for i, program in enumerate(programs):
        by_package[program["package"]].append(i)
    taken = set()
    for own in by_package.values():
        own.sort(
            key=lambda i: (not is_plausible(programs[i]), draw(seed, programs[i]["program_id"]))
        )
        taken.update(own[:per_package])
    return [i in taken for i in range(len(programs))]


def is_plausible(program: Mapping[str, Any]) -> bool:
    """Whether a program is of sensible size and seems to have an annotated function."""
    return program["n_bytes"] in PLAUSIBLE_BYTES and bool(ANNOTATION.search(program["content"]))
