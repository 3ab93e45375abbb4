"""The TypeScript compiler from Python: holes, edits, checks, syntax units, types in completions."""

from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import (
    Checks,
    Edited,
    Hole,
    Holes,
    RejectedHole,
    Rename,
    TypeScriptError,
    Unit,
    Units,
)

__all__ = [
    "Checks",
    "Edited",
    "Hole",
    "Holes",
    "RejectedHole",
    "Rename",
    "TypeScript",
    "TypeScriptError",
    "Unit",
    "Units",
]
