"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

PROBES = Table(
    "probes",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("predicted", pa.string(), "by the model"),
        ("outcome", pa.string(), "right | wrong, of the model"),
        ("name_seen", pa.bool_(), "by the probe: an example of `fit` has the hole's name"),
        ("point", pa.int32()),
        ("task", pa.string(), "gold | control"),
        ("l2", pa.float64()),
        ("label", pa.string(), "what is right in this task"),
        ("probed", pa.string(), "what the probe says"),
        ("correct", pa.bool_()),
    ],
    place="{study}/probes.parquet",
    row="a variant, point and task",
)
