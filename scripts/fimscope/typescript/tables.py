"""The tables of examples and of their variants."""

import pyarrow as pa

from fimscope.files.columns import EXAMPLE_KEY, VARIANT_KEY
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import Table

RENAME = pa.struct([("old", pa.string()), ("new", pa.string()), ("kind", pa.string())])
CHECKS = pa.struct(
    [
        ("parses", pa.bool_()),
        ("same_errors", pa.bool_()),
        ("same_javascript", pa.bool_()),
        ("same_text", pa.bool_()),
    ]
)
EXAMPLES = Table(
    "examples",
    [
        *EXAMPLE_KEY,
        ("program_id", pa.string()),
        ("package", pa.string()),
        ("path", pa.string()),
        ("kind", pa.string(), "parameter | return"),
        ("name", pa.string(), "of the parameter or of the function"),
        ("gold", pa.string()),
        ("prefix", pa.string()),
        ("suffix", pa.string()),
        ("name_start", pa.int64(), "code point in prefix where the name starts"),
        ("group", pa.string(), "fit | select | test"),
    ],
    place="{study}/source/examples.parquet",
    row="an example",
)
VARIANTS = Table(
    "variants",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("gold", pa.string()),
        ("prefix", pa.string()),
        ("suffix", pa.string()),
        ("name_start", pa.int64()),
        ("renames", pa.list_(RENAME)),
        ("checks", CHECKS),
    ],
    place="{study}/source/variants/{edit}.parquet",
    row="a variant that passed every check",
)
# A row of one of the two tables, the other null: a part of edit_examples and check_types.
VARIANT_PARTS = Table(
    "variant_parts", [(kind.name, pa.struct(list(kind.schema))) for kind in (VARIANTS, REJECTED)]
)
