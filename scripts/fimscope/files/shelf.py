"""Values on the disk by their number, for what is wanted in another order than it comes in."""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile, gettempdir
from typing import TypeVar, overload

import numpy as np

Value = TypeVar("Value")


class Shelf(Sequence[Value]):
    """So many values, each put and taken by its number; in memory is only where each of them lies.

    The prompts of a batch, which are of one length, come from all over a table; so do the answers
    of a table's rows from all over the batches. The values, which JSON must be able to spell, lie
    in a nameless temporary file, in $TMPDIR where that is set, that goes with the process.

    raises KeyError where nothing was put
    """

    def __init__(self, size: int):
        self._file = TemporaryFile()  # noqa: SIM115, it lives as long as the shelf
        self._starts = np.full(size, -1, dtype=np.int64)

    @classmethod
    def of(cls, values: Collection[Value]) -> "Shelf[Value]":
        """All values, numbered as they come."""
        shelf = cls(len(values))
        for number, value in enumerate(values):
            shelf[number] = value
        return shelf

    def __len__(self) -> int:
        return len(self._starts)

    def __setitem__(self, number: int, value: Value) -> None:
        with self._named():
            self._starts[number] = self._file.seek(0, os.SEEK_END)
            self._file.write(json.dumps(value).encode() + b"\n")

    @overload
    def __getitem__(self, number: int) -> Value: ...
    @overload
    def __getitem__(self, number: slice) -> "Sequence[Value]": ...
    def __getitem__(self, number):
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        start = self._starts[number]
        if start < 0:
            raise KeyError(number)
        with self._named():
            self._file.seek(start)  # writes what is still in the buffer
        return json.loads(self._file.readline())

    @contextmanager
    def _named(self) -> Iterator[None]:
        """An error of the disk says where the file lies, which has no name."""
        try:
            yield
        except OSError as error:
            error.filename = f"{gettempdir()} (TMPDIR)"
            raise
