"""The TypeScript compiler from Python: holes, edits, checks, syntax units, types in completions."""

from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import (
    TypeScriptPool,
    add_pool_options,
    by_program,
    named_program,
)
from fimscope.typescript.results import (
    Checks,
    CompilerStoppedError,
    Edited,
    Hole,
    Holes,
    LabelledSpan,
    Places,
    RejectedHole,
    Rename,
    Span,
    TypeScriptError,
    Unit,
    Units,
)

__all__ = [
    "Checks",
    "CompilerStoppedError",
    "Edited",
    "Hole",
    "Holes",
    "LabelledSpan",
    "Places",
    "RejectedHole",
    "Rename",
    "Span",
    "TypeScript",
    "TypeScriptError",
    "TypeScriptPool",
    "Unit",
    "Units",
    "add_pool_options",
    "by_program",
    "named_program",
]
