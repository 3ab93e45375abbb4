"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

PLANTED_PARTS = Table(
    "planted_parts",
    [
        ("hypothesis", pa.string()),
        ("is_control", pa.bool_()),
        ("planted", pa.string()),
        ("old", pa.string()),
        ("new", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("name_tokens", pa.list_(pa.int32())),
        ("hidden", pa.list_(pa.int32())),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ],
)
ALGORITHMS = Table(
    "algorithms",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string(), "of the hole"),
        ("gold", pa.string()),
        ("outcome", pa.string(), "right | wrong | broken, as it is"),
        ("answer", pa.string(), "what the model says of the variant as it is"),
        ("hypothesis", pa.string(), "what the change is made for"),
        ("is_control", pa.bool_(), "the same change elsewhere"),
        ("planted", pa.string(), "the type; null where tokens are hidden"),
        ("old", pa.string(), "what stood there"),
        ("new", pa.string(), "what stands there"),
        ("token_ids", pa.list_(pa.int32()), "of the prompt with the change"),
        (
            "name_tokens",
            pa.list_(pa.int32()),
            "the last of each place of the hole's name in it; null where tokens are hidden",
        ),
        ("predicted", pa.string(), "with the change"),
        ("moved", pa.bool_(), "another answer than without it"),
        ("follows", pa.bool_(), "the answer is the planted type"),
    ],
    place="{study}/algorithms/{edit}.parquet",
    row="a variant with one change",
)
