"""Numbers of the patches of single parts: those of a sweep, over parts in place of points."""

from pathlib import Path

import pyarrow as pa

from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.curves import Sweep, read_frame, sweep_of
from fimscope.experiments.patch.numbers import sweep_numbers
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.numbers import Numbers

KINDS = ("attention_output", "mlp_output", "head")


def component_numbers(
    path: Path, pairs: pa.Table, bootstrap: Bootstrap, margin: float
) -> list[Numbers]:
    """Numbers of `sweep_numbers` of each kind of component, whose points are its places."""
    return [sweep_numbers(read_components(path, pairs, kind), bootstrap, margin) for kind in KINDS]


def read_components(path: Path, pairs: pa.Table, component: str) -> Sweep:
    """The curves of one kind of component, over its blocks in place of points.

    component   attention_output, mlp_output, or head, whose places are numbered block by block:
                head i of block b is place b * n_heads + i
    raises      UserError as `read_sweep` does
    """
    frame = read_frame(path, COMPONENTS, ["component", "block", "head"])
    if frame.empty:
        return Sweep(path.stem, component, [], {}, {}, 0, 0)
    frame = frame[frame["component"] == component].copy()
    n_heads = int(frame["head"].max()) + 1 if component == "head" else 1
    frame["point"] = frame["block"] * n_heads + frame["head"].fillna(0).astype(int)
    return sweep_of(path, frame, pairs, component, "place")
