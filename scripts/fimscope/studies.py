"""The tables of a study as DataFrames."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fimscope.errors import UserError
from fimscope.experiments.registry import all_experiments, all_tables
from fimscope.files.tables import Table, read_table
from fimscope.steps.sources import SCRIPTS

if TYPE_CHECKING:
    from pandas import DataFrame

PROJECT = SCRIPTS.parent
# Tables of a kind that stand in a second place.
AGAIN = {"patch_positions": ("patches", "{study}/patch_positions/{condition}.parquet")}
# Targets of tables that are no experiment's, or that its own target does not make.
TARGETS = {
    "activation_index": "activations",
    "attention_tokens": "explorer",
    "funnel": "report",
    "rejected": "report",
}
FIRST_TARGET = "predictions"  # of all that comes before an experiment
NAME = re.compile(r"\{(\w+)\}")


def results(study: str | Path) -> "Study":
    """The tables of a study: `results("embedded").predictions`, and so on.

    study    its name, in `results/` here or in the project's folder; or the path of its folder
    raises   UserError where there is no such study, with those that there are
    """
    roots = list(dict.fromkeys((Path.cwd() / "results", PROJECT / "results")))
    for folder in (*(root / study for root in roots), Path(study)):
        if (folder / "model").is_dir() or (folder / "predictions").is_dir():
            return Study(folder)
    there = sorted({path.parent.name for root in roots for path in root.glob("*/predictions")})
    raise UserError(
        f"study {str(study)!r}: not in {' nor in '.join(map(str, roots))}; "
        + (f"there {'are' if there[1:] else 'is'} {', '.join(there)}; " if there else "")
        + f"run it first: {_command_of(Path(study))}"
    )


class Place(NamedTuple):
    """A kind of table and where its files stand in results/."""

    kind: Table
    path: str


class Study:
    """The tables of one study, each read when it is asked for.

    An attribute is a table, of all edits or conditions together; `dir()` lists those that there
    are. `joined` gives one with the program and the hole that each row is about.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"<study {self.folder.name}: {', '.join(self.tables)}>"

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.tables]

    def __getattr__(self, name: str) -> "DataFrame":
        if name.startswith("_"):
            raise AttributeError(name)
        return self.table(name)

    @property
    def tables(self) -> list[str]:
        """The names of the tables that there are."""
        return [name for name in all_places() if self.files(name)]

    def table(self, name: str) -> "DataFrame":
        """A table, of all its files.

        raises UserError where there is no table of that name, or not yet, with the target that
               makes it
        """
        import pandas as pd

        places = all_places()
        if name not in places:
            near = get_close_matches(name, places, 1, 0.0)[0]
            raise UserError(
                f"study {self.folder.name}: no table is called {name!r}; did you mean {near!r}?"
            )
        place, files = places[name], self.files(name)
        if not files:
            raise UserError(
                f"study {self.folder.name}: it has no {name} yet; run the target that makes it: "
                f"snakemake --profile profiles/default {_config_of(self.folder)}{target_of(name)}"
            )
        frames = [read_table(path, place.kind).to_pandas() for path in files]
        return pd.concat(frames, ignore_index=True)

    def joined(self, name: str) -> "DataFrame":
        """A table with what each row is about: package, path and group of the program, kind, name
        and gold of the hole, and the source before and behind it, as the row's edit has it.

        prefix, suffix   categories, so that a program is in memory once
        raises           UserError as `table`, and where no row is about a single example
        """
        frame = self.table(name)
        of = "recipient_" if "recipient_example_id" in frame else ""
        key, edit = f"{of}example_id", f"{of}edit"
        if key not in frame:
            raise UserError(
                f"study {self.folder.name}: a row of {name} is not about one example; take .{name}"
            )
        about = self.table("examples").set_index("example_id")
        program = about[["package", "path", "group", "kind", "gold", "name", "prefix", "suffix"]]
        keys = [key]
        if edit in frame:
            variants = self.table("variants").set_index(["example_id", "edit"])
            program = variants[["name", "prefix", "suffix"]].join(
                about[["package", "path", "group", "kind", "gold"]], on="example_id"
            )
            keys = [key, edit]
        source = program.astype({"prefix": "category", "suffix": "category"})
        return frame.join(source[[own for own in source if own not in frame]], on=keys)

    def files(self, name: str) -> list[Path]:
        """The files of a table, of every edit or condition; none where it is not made yet."""
        path = all_places()[name].path.removeprefix("{study}/")
        return sorted(self.folder.glob(NAME.sub("*", path)))


def all_places() -> dict[str, Place]:
    """Every table of a study by its name, in the order in which the pipeline makes them."""
    kinds = {
        name: kind
        for name, kind in all_tables().items()
        if kind.place and not kind.place.startswith("training/")
    }
    again = {name: Place(kinds[kind], path) for name, (kind, path) in AGAIN.items()}
    return {name: Place(kind, kind.place) for name, kind in kinds.items()} | again


def target_of(table: str) -> str:
    """The target of the pipeline that makes a table."""
    for room, experiment in all_experiments().items():
        module = f"fimscope.experiments.{room}.tables"
        declared = vars(import_module(module)).values() if find_spec(module) else ()
        own = {kind.name for kind in declared if isinstance(kind, Table)}
        if table not in TARGETS and table in own | {room}:
            return experiment.name
    return TARGETS.get(table, FIRST_TARGET)


def _command_of(folder: Path) -> str:
    """The command that runs a study; of one that is no preset's, the default one."""
    config = _config_of(folder)
    return f"snakemake --profile profiles/default {config}all" if config else "make run"


def _config_of(folder: Path) -> str:
    """What a command says of the config of a study that is a preset's."""
    path = Path("config") / f"{folder.name}.yaml"
    is_default = folder.name == "embedded"
    return "" if is_default or not (PROJECT / path).is_file() else f"--configfile {path} -- "
