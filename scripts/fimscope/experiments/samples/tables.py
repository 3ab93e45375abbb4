"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

SAMPLED = Table(
    "sampled",
    [
        ("token_ids", pa.list_(pa.list_(pa.int32()))),
    ],
)
SAMPLES = Table(
    "samples",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("n", pa.int32()),
        ("n_correct", pa.int32()),
        ("pass_at_1", pa.float64()),
        ("pass_at_10", pa.float64()),
        ("pass_at_100", pa.float64()),
        ("distinct", pa.int32(), "different types among the samples"),
    ],
    place="{study}/samples/{edit}.parquet",
    row="a variant",
)
