"""What there is: every experiment and every table, found in the rooms that declare them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fimscope.files.tables import Table

HERE = Path(__file__).parent
# As the pipeline makes them; then those of each experiment.
TABLES = (
    "corpus.tables",
    "files.rejections",
    "typescript.tables",
    "prompts.tables",
    "files.activation_cache",
    "experiments.tables",
)


def no_edits(config: Mapping[str, Any]) -> Sequence[str]:
    return ()


def study_edits(config: Mapping[str, Any]) -> Sequence[str]:
    """`original`, and the edits that the study's examples are asked under."""
    return ("original", *config["edits"])


@dataclass(frozen=True)
class Experiment:
    """What the pipeline knows of an experiment; its tables stand beside it, in tables.py.

    name       its target, its section, and its name in `experiments` of the config
    place      of its section in the report; the lowest comes first
    rejected   tables of what its steps leave out, in rejected/ of the study's results: {edit}
               stands for each of the study's edits, {patched} for the one that is patched
    edits      what is asked for it beside the study's edits, by the completed config
    activations, attention, heads   the edits under which its steps read activations, the last
               token's attention, or what each head gives there, of every prompt: what is kept
               when the prompts go through the model
    """

    name: str
    place: int
    rejected: tuple[str, ...] = ()
    edits: Callable[[Mapping[str, Any]], Sequence[str]] = no_edits
    activations: Callable[[Mapping[str, Any]], Sequence[str]] = no_edits
    attention: Callable[[Mapping[str, Any]], Sequence[str]] = no_edits
    heads: Callable[[Mapping[str, Any]], Sequence[str]] = no_edits


def all_experiments() -> dict[str, Experiment]:
    """Every experiment by its room, in the order of the report."""
    found = {
        room: _module(f"experiments.{room}.experiment").EXPERIMENT for room in _rooms("experiment")
    }
    return dict(sorted(found.items(), key=lambda item: item[1].place))


def about_experiment(room: str) -> str:
    """What an experiment is for, in the one sentence that its room begins with."""
    return (_module(f"experiments.{room}").__doc__ or "").strip().splitlines()[0]


def all_tables() -> "dict[str, Table]":
    """Every table by its name, in the order in which the pipeline makes them."""
    from fimscope.files.tables import Table

    own = [f"experiments.{room}.tables" for room in _rooms("tables")]
    declared = [
        value
        for name in (*TABLES, *own, "training.tables")
        for value in vars(_module(name)).values()
        if isinstance(value, Table)
    ]
    return {table.name: table for table in declared}


def _rooms(module: str) -> list[str]:
    """The rooms of experiments that have such a module."""
    return sorted(path.parent.name for path in HERE.glob(f"*/{module}.py"))


def _module(name: str) -> Any:
    return import_module(f"fimscope.{name}")
