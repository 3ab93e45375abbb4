"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

REPAIRED = [
    *VARIANT_KEY,
    ("program_id", pa.string()),
    ("gold", pa.string()),
    ("group", pa.string(), "select | test"),
    ("cause", pa.string(), "what the answer comes of"),
    ("outcome", pa.string(), "right | wrong, with nothing taken out"),
    ("way", pa.string(), "none | found | random | other | all: what is taken out"),
    ("draw", pa.int32(), "of the random heads or directions; null for another way"),
]
ANSWER = [
    ("predicted", pa.string(), "the first token"),
    ("predicted_token_id", pa.int32()),
    ("to_gold", pa.bool_()),
    ("gold_logprob", pa.float32()),
]
REPAIR_COPIES = Table(
    "repair_copies",
    [*REPAIRED, ("n_heads", pa.int32(), "that it is hidden in; null of none"), *ANSWER],
    place="{study}/repair/copies.parquet",
    row="a variant, and what is hidden of it from its last token in some heads",
)
REPAIR_NAMES = Table(
    "repair_names",
    [
        *REPAIRED,
        ("point", pa.int32(), "at which the name is written over; null of none"),
        ("rank", pa.int32(), "of the subspace that is written; null of none"),
        *ANSWER,
    ],
    place="{study}/repair/names.parquet",
    row="a variant, or one with a planted name, and what is taken of its name",
)
REPAIR_HEADS = Table(
    "repair_heads",
    [
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("place", pa.int32(), "by the weight; 0 is the first that is taken"),
        ("weight", pa.float64(), "mean attention of the last token to the annotation it copies"),
        ("n", pa.int32(), "answers of `fit` that copy"),
    ],
    place="{study}/repair/heads.parquet",
    row="a head",
)
