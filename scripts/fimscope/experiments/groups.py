"""Which examples something is fitted on, chosen on and tested on."""

from pathlib import Path

from fimscope.files.tables import read_table
from fimscope.typescript.tables import EXAMPLES


def read_groups(path: Path) -> dict[str, str]:
    """The group of each example, `fit`, `select` or `test`, by its id.

    path   examples.parquet
    """
    rows = read_table(path, EXAMPLES, ["example_id", "group"]).to_pylist()
    return {row["example_id"]: row["group"] for row in rows}
