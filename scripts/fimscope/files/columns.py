"""Columns and kinds of columns that tables of several rooms have."""

import pyarrow as pa

EXAMPLE_KEY = [
    ("example_id", pa.string()),
]
VARIANT_KEY = [
    *EXAMPLE_KEY,
    ("edit", pa.string()),
]
POSITION = pa.struct([("name", pa.string()), ("index", pa.int32())])
CANDIDATE = pa.struct([("text", pa.string()), ("logprob", pa.float32())])
