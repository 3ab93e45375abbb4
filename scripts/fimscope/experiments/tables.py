"""The tables that many experiments read: the model's answers, and which are right."""

import pyarrow as pa

from fimscope.files.columns import CANDIDATE, VARIANT_KEY
from fimscope.files.tables import Table

PREDICTIONS = Table(
    "predictions",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string()),
        ("n_tokens", pa.int32()),
        ("gold_token_id", pa.int32()),
        ("predicted", pa.string()),
        ("predicted_token_id", pa.int32()),
        ("first_token", pa.string()),
        ("completion", pa.string(), "all the text that was generated"),
        ("completed_type", pa.string(), "the first type that the completion spells"),
        ("correct", pa.bool_()),
        ("gold_rank", pa.int32(), "0 is first"),
        ("gold_logprob", pa.float32(), "natural logarithm, of the gold's first token"),
        ("top10", pa.list_(CANDIDATE)),
        ("n_prompt_truncated", pa.int32()),
    ],
    place="{study}/predictions/{edit}.parquet",
    row="a variant",
)
ANSWERS = Table(
    "answers",
    [
        ("top_ids", pa.list_(pa.int32())),
        ("top_logprobs", pa.list_(pa.float32())),
        ("gold_rank", pa.int32()),
        ("gold_logprob", pa.float32()),
        ("completion_ids", pa.list_(pa.int32())),
    ],
)
SPLIT = Table(
    "split",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string()),
        ("predicted", pa.string()),
        ("outcome", pa.string(), "right | wrong"),
        ("broken", pa.bool_(), "the original right, this variant wrong"),
        ("mended", pa.bool_(), "the original wrong, this variant right"),
    ],
    place="{study}/split/{edit}.parquet",
    row="a variant",
)
