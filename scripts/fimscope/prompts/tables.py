"""The table of prompts."""

import pyarrow as pa

from fimscope.files.columns import POSITION, VARIANT_KEY
from fimscope.files.tables import Table

REGION = pa.struct([("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
PROMPTS = Table(
    "prompts",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("kind", pa.string()),
        ("text", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("gold_token_ids", pa.list_(pa.int32())),
        ("positions", pa.list_(POSITION)),
        ("regions", pa.list_(REGION), "cover all tokens, in order; end excluded"),
        ("window", pa.string(), "the syntax unit that the prompt shows"),
        ("n_prompt_truncated", pa.int32(), "tokens of the program that it does not show"),
    ],
    place="{study}/prompts/{edit}.parquet",
    row="a variant",
)
