"""Parts of a step's work, kept on disk under the hash of all that they are made of.

    results/cache/<step>/<key>.<digest>.parquet, or .safetensors

    key     sha256 of the step's recipe (parts.recipe) and the part's own ingredients: of equal
            keys, equal parts. A step that was killed finds what it had finished, and a changed
            option changes the keys of what it changes
    digest  sha256 of the file's bytes, by which damage shows

The parts of a step are the same for any number of shards, and with them every bit of its result.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from fimscope.files.atomic import replacing
from fimscope.parts.formats import Format
from fimscope.steps.frame import log

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Shard:
    """One share of a step's parts: the number-th of count, counted from 1."""

    number: int = 1
    count: int = 1

    def of(self, parts: Iterable[Item]) -> Iterator[Item]:
        """Every count-th of the parts: neighbours, which take equally long, go to all shares."""
        return islice(parts, self.number - 1, None, self.count)

    def n_of(self, n_rows: int) -> int:
        """About how many of the rows are in a share."""
        return -(-n_rows // self.count)


WHOLE = Shard()


@dataclass(frozen=True)
class OwnFirst(Shard):
    """All of a step's parts, those of one share first.

    Of what every shard needs whole, shards that run beside each other so make a share each, and
    find the rest.
    """

    def of(self, parts: Iterable[Item]) -> Iterator[Item]:
        ordered = list(parts)
        for share in range(self.number - 1, self.number - 1 + self.count):
            yield from ordered[share % self.count :: self.count]

    def n_of(self, n_rows: int) -> int:
        return n_rows


class PartStore:
    """The parts of one step in its folder, and the shard that has to do with them.

    made, found   keys of the parts that were computed, and of those that were there
    """

    def __init__(self, folder: Path, shard: Shard | None, recipe: Mapping[str, Any]):
        self.folder, self.recipe = folder / recipe["step"], recipe
        self.shard = shard or WHOLE
        self.made: set[str] = set()
        self.found: set[str] = set()
        self._paths = {
            path.name.split(".")[0]: path
            for path in sorted(self.folder.glob("[!.]*"), reverse=True)
        }

    def whole(self) -> "PartStore":
        """The same store with all parts to do with, its own first: for what every shard needs."""
        other = copy(self)
        other.shard = OwnFirst(self.shard.number, self.shard.count)
        return other

    def get(
        self,
        ingredients: Any,
        make: Callable[[], Value],
        format: Format[Value],
        keep: Callable[[Value], bool] = lambda _: True,
    ) -> Value:
        """The part of these ingredients: from the disk, else made, and written if it is to be kept.

        ingredients   all that decides the part beside the recipe, as JSON can spell it
        """
        key = sha256_of([self.recipe, ingredients])
        content = self._read(key)
        if content is not None:
            self.found |= {key} - self.made
            return format.decode(content)
        self.made.add(key)
        value = make()
        content = format.encode(value)
        if keep(value):
            self._write(key, content, format.suffix)
        # What was written, not what was made: a part is the same whether it was there or not.
        return format.decode(content)

    def __contains__(self, ingredients: Any) -> bool:
        """Whether there is a part of these ingredients; one that is damaged counts."""
        return sha256_of([self.recipe, ingredients]) in self._paths

    def put(self, ingredients: Any, value: Value, format: Format[Value]) -> None:
        """Write a part that was made together with others."""
        key = sha256_of([self.recipe, ingredients])
        self.made.add(key)
        self._write(key, format.encode(value), format.suffix)

    def log_counts(self) -> None:
        log.info("parts: %d made, %d found in %s", len(self.made), len(self.found), self.folder)

    def _read(self, key: str) -> bytes | None:
        # What was not there at the start, another shard may have made since.
        path = self._paths.get(key) or next(self.folder.glob(f"{key}.*"), None)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the cache was cleared meanwhile
            return None
        if hashlib.sha256(content).hexdigest() == path.name.split(".")[1]:
            return content
        log.warning("%s: damaged; it is thrown away and made again", path)
        path.unlink(missing_ok=True)
        return None

    def _write(self, key: str, content: bytes, suffix: str) -> None:
        path = self.folder / f"{key}.{hashlib.sha256(content).hexdigest()}{suffix}"
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        self._paths[key] = path


class Unkept:
    """In the place of a store where nothing is kept: a part is made when it is asked for."""

    shard = WHOLE

    def whole(self) -> "Unkept":
        return self

    def get(self, ingredients: Any, make: Callable[[], Value], *how: Any) -> Value:
        return make()


UNKEPT = Unkept()


def exhaust(parts: Iterable[object]) -> None:
    """Have all of the parts made, for what stays of them in the store."""
    for _ in parts:
        pass


def sha256_of(value: Any) -> str:
    """The sha256 of a value's one spelling as JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse_shard(text: str) -> Shard:
    """A shard as the command line spells it: 2/5."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share such as 2/5")
    return Shard(int(number), int(count))


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """--cache, of a step that has no shards."""
    parser.set_defaults(shard=None)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the finished parts")


def add_part_options(parser: argparse.ArgumentParser, **outputs: str) -> None:
    """--cache, --shard, and the step's output options, which a shard has no need of.

    outputs   what each of them is, by its name: out="the predictions table"
    """
    add_cache_option(parser)
    actions = [
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, help=what)
        for name, what in outputs.items()
    ]

    class OnlyParts(argparse.Action):
        def __call__(self, parser, namespace, value, option_string=None):
            setattr(namespace, self.dest, value)
            for action in actions:
                action.required = False

    parser.add_argument(
        "--shard",
        type=parse_shard,
        action=OnlyParts,
        metavar="I/N",
        help="only make the parts of the I-th of N shares, for a run without this option to find; "
        "no output is written",
    )
