"""What there is: every table of the pipeline, found in the rooms that declare them."""

from importlib import import_module
from pathlib import Path

import fimscope
from fimscope.files.tables import Table

# As the pipeline makes them; then those of each experiment.
ROOMS = (
    "corpus.tables",
    "files.rejections",
    "typescript.tables",
    "prompts.tables",
    "files.activation_cache",
    "experiments.tables",
)


def all_tables() -> dict[str, Table]:
    """Every table by its name, in the order in which the pipeline makes them."""
    experiments = Path(fimscope.__file__).parent / "experiments"
    own = [f"experiments.{path.parent.name}.tables" for path in experiments.glob("*/tables.py")]
    modules = [import_module(f"fimscope.{name}") for name in (*ROOMS, *sorted(own))]
    modules.append(import_module("fimscope.training.tables"))
    found: dict[str, Table] = {}
    for module in modules:
        declared = (value for value in vars(module).values() if isinstance(value, Table))
        for table in declared:
            found.setdefault(table.name, table)
    return found
