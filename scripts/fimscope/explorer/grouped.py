"""A table that is asked for the rows of one example after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fimscope.files.tables import Table, read_table

Row = dict[str, Any]


def example_column(kind: Table) -> str:
    """The column of the example that a row is about; of a pair, that of its recipient."""
    of_pairs = "recipient_example_id"
    return of_pairs if of_pairs in kind.schema.names else "example_id"


class ByExample:
    """Tables of one kind, together, by the example that a row is about.

    The rows stay in columns, as a whole table of Python objects would not fit into memory.
    raises   UserError as `read_table` does
    """

    def __init__(self, paths: Sequence[Path], kind: Table, columns: Sequence[str] | None = None):
        self.key = example_column(kind)
        tables = [read_table(path, kind, list(columns) if columns else None) for path in paths]
        self.table = pa.concat_tables(tables).combine_chunks() if tables else None
        self._starts: dict[str, tuple[int, int]] = {}
        if self.table is not None and len(self.table):
            self._order()

    def _order(self) -> None:
        encoded = self.table[self.key].combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        if not np.array_equal(order, np.arange(len(order))):
            self.table = self.table.take(pa.array(order)).combine_chunks()
        bounds = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
        for code, example_id in enumerate(encoded.dictionary.to_pylist()):
            self._starts[example_id] = (int(bounds[code]), int(bounds[code + 1]))

    def __contains__(self, example_id: str) -> bool:
        return example_id in self._starts

    def rows(self, example_id: str) -> list[Row]:
        """The rows of an example in the tables' order; none where it has none."""
        start, end = self._starts.get(example_id, (0, 0))
        return self.table.slice(start, end - start).to_pylist() if end > start else []
