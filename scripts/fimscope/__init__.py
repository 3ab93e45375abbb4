"""Where and why a code model gets a type wrong: what the steps share, and what notebooks import.

    from fimscope import Batch, explain, load_model, results

These four come from their own modules when they are first asked for: a step that needs none of them
imports no torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Batch": "fimscope.interventions.session",
    "explain": "fimscope.snippets.explanation",
    "load_model": "fimscope.loading",
    "results": "fimscope.studies",
}
__all__ = ["Batch", "explain", "load_model", "results"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
