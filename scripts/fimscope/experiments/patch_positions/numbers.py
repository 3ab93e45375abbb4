"""Numbers of the patches of every position and size of window."""

from pathlib import Path

import pyarrow as pa

from fimscope.experiments.patch.curves import read_sweep
from fimscope.experiments.patch.numbers import sweep_numbers
from fimscope.experiments.patch.tables import PATCHES
from fimscope.files.tables import read_table
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.numbers import Numbers

UNCLAIMED = {"comparison": None, "effect_comparison": None, "within_margin": []}


def position_numbers(
    path: Path, pairs: pa.Table, bootstrap: Bootstrap, margin: float
) -> list[Numbers]:
    """Numbers of `sweep_numbers` of every position and size of window that a table holds.

    Beside them `n_points`, the size, and `n_left_out`, the pairs whose prompts lack the position.
    Nothing is claimed of the last token, of which the sweep of all points has the one verdict.
    """
    found = [
        (size, read_sweep(path, pairs, position, size)) for position, size in read_positions(path)
    ]
    most = max((sweep.n_pairs for _, sweep in found), default=0)
    return [
        {
            **sweep_numbers(sweep, bootstrap, margin),
            "n_points": size,
            "n_left_out": most - sweep.n_pairs,
            **(UNCLAIMED if sweep.position == "last" else {}),
        }
        for size, sweep in found
    ]


def read_positions(path: Path) -> list[tuple[str, int]]:
    """The positions and sizes of windows of a patch table, in its order."""
    table = read_table(path, PATCHES, ["position", "n_points"])
    return list(dict.fromkeys(zip(*(column.to_pylist() for column in table.columns), strict=True)))
