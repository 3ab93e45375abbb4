"""The tables of this experiment."""

import pyarrow as pa

from fimscope.experiments.patch.tables import PATCH_KEY, PATCH_MEASURES
from fimscope.files.tables import Table

COMPONENTS = Table(
    "components",
    [
        *PATCH_KEY,
        ("component", pa.string(), "attention_output | mlp_output | head"),
        ("block", pa.int32()),
        ("head", pa.int32(), "null but for a head"),
        *PATCH_MEASURES,
    ],
    place="{study}/components/{condition}.parquet",
    row="a patch of a part of a block",
)
