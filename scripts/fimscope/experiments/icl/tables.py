"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

ICL = Table(
    "icl",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("outcome", pa.string(), "right | wrong | broken, with no shots"),
        ("choice", pa.string(), "none, or how the shots were chosen"),
        ("n_shots", pa.int32()),
        ("seed", pa.int64(), "of the shots; null without any"),
        ("shots", pa.list_(pa.string()), "their examples, in the order of the text"),
        ("n_tokens", pa.int32()),
        ("predicted", pa.string()),
        ("correct", pa.bool_()),
        ("gold_rank", pa.int32(), "0 is first"),
        ("gold_logprob", pa.float32()),
    ],
    place="{study}/icl/{edit}.parquet",
    row="a variant with one choice of shots",
)
