"""A command that cannot be meant, refused in one sentence with the nearest one that can."""

import difflib
import re
import shlex
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fimscope.config import read_yaml
from fimscope.errors import UserError, escaped

KEY = re.compile(r"[a-zA-Z_][\w-]*\w")  # what Snakemake takes as one
CONFIGS = (".yaml", ".yml", ".json")
NO_PRESETS = ("config", "schema", "training", "ladder")  # of config/: what no study is named by


def check_command(words: Sequence[str]) -> None:
    """Refuse config files that are not there, and entries that are none, before Snakemake does.

    words   of the command line, without the program's name
    """
    with one_sentence():
        command = parsed(words)
        check_config_files(command.configfile or (), words)
        check_config_entries(command.config or ())


@contextmanager
def one_sentence() -> Iterator[None]:
    """End the program with the sentence of a UserError; Snakemake would add where it was raised."""
    try:
        yield
    except UserError as error:
        raise SystemExit(str(error)) from None


def parsed(words: Sequence[str]) -> Namespace:
    """A command line as Snakemake itself reads it, its profiles left out."""
    from snakemake.cli import get_argument_parser

    return get_argument_parser().parse_known_args(words)[0]


def check_config_files(files: Iterable[Path | str], words: Sequence[str]) -> None:
    """Every file after `--configfile` is there and can be read, and none of them is a target.

    files   what `--configfile` took
    words   the whole command line, to say what was meant
    raises  UserError
    """
    configs: list[Path] = []
    for path in map(Path, files):
        if path.is_file():
            read_yaml(path)
            configs.append(path)
        elif configs and path.suffix not in CONFIGS:
            others = [word for word in words if word != str(path)]
            raise UserError(
                f"{path}: no config file; --configfile takes all that follows it, so a target "
                f"stands before it: {shlex.join(['snakemake', str(path), *others])}"
            )
        else:
            raise UserError(
                f"--configfile: {path}: no such file; the nearest is {_nearest_config(path)}"
            )


def _nearest_config(path: Path) -> str:
    """The config file whose name is nearest, one that begins with the name before all others."""
    presets = [each for s in CONFIGS for each in Path("config").glob(f"*{s}")]
    presets = [each for each in presets if each.stem not in NO_PRESETS]
    known = {_bare(each): str(each) for each in sorted([*presets, *Path().glob("*.yaml")])}
    name = _bare(path)
    return nearest(name, {each: known[each] for each in known if each.startswith(name)} or known)


def _bare(path: Path) -> str:
    """The name without the ending of a config file; what else follows a dot stays."""
    return path.stem if path.suffix in CONFIGS else path.name


def check_config_entries(entries: Iterable[str]) -> None:
    """Every word after `--config` is KEY=VALUE, with a key of the config's first level.

    raises  UserError
    """
    for entry in entries:
        key, equals, value = entry.partition("=")
        first, *within = key.split(".")
        if not equals:
            raise UserError(
                f"--config: {entry!r} is no KEY=VALUE; a value with blanks stands in quotes, "
                "--config 'sample={n: 10}', and a target before --config"
            )
        if within:
            nested = ": {".join(within) + f": {value}" + "}" * len(within)
            meant = shlex.join(["--config", f"{first}={{{nested}"])
            raise UserError(f"--config: {key}: a key within another is written {meant}")
        if not KEY.fullmatch(key):
            raise UserError(f"--config: {key!r} is no key; config/config.yaml has those there are")


def check_targets(targets: Iterable[str], names: Sequence[str], files: Sequence[str]) -> None:
    """Refuse the first of the targets, none of which can be made.

    names   of the targets that there are
    files   that the study makes
    raises  UserError
    """
    for target in targets:
        known = files if "/" in target else names
        raise UserError(
            f"{target}: no target, and no file that this study makes; the nearest is "
            f"{nearest(target, {each: each for each in known})}; all targets: snakemake "
            "--list-target-rules"
        )


def nearest(word: str, known: dict[str, str]) -> str:
    """What stands for the spelling that is nearest to a word: spelling -> what it stands for."""
    [spelling] = difflib.get_close_matches(word, known, n=1, cutoff=0)
    return escaped(known[spelling])
