"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

MASKED_PARTS = Table(
    "masked_parts",
    [
        ("distractor", pa.string()),
        ("is_control", pa.bool_()),
        ("n_masked", pa.int32()),
        ("token_ids", pa.list_(pa.int32())),
        ("gold_token_ids", pa.list_(pa.int32())),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ],
)
MASKING = Table(
    "masking",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("outcome", pa.string(), "right | wrong | broken, with nothing masked"),
        ("way", pa.string(), "none | text | attention_last | attention_later"),
        ("distractor", pa.string(), "none, or what is masked"),
        ("is_control", pa.bool_(), "as many random tokens of the rest instead"),
        ("n_masked", pa.int32(), "tokens hidden, or taken out of the text"),
        ("n_tokens", pa.int32()),
        ("predicted", pa.string()),
        ("correct", pa.bool_()),
        ("gold_rank", pa.int32()),
        ("gold_logprob", pa.float32()),
    ],
    place="{study}/masking.parquet",
    row="a variant and mask",
)
