"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.tables import Table

FUNNEL = Table(
    "funnel",
    [
        ("edit", pa.string()),
        ("stage", pa.string()),
        ("n_programs", pa.int64()),
        ("n_rows", pa.int64()),
    ],
    place="{study}/funnel/{edit}.parquet",
    row="a stage that programs and holes come through",
)
