"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

ATTENTION_SHARES = Table(
    "attention_shares",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("region", pa.string(), "a kind of region; all kinds of a head sum to 1"),
        ("n_tokens", pa.int32(), "of this kind in the prompt"),
        ("n_prompt_tokens", pa.int32()),
        ("share", pa.float32(), "of the last token's attention"),
    ],
    place="{study}/attention/{edit}.parquet",
    row="a variant, head and kind of region",
)
ATTENTION_DIFFERENCES = Table(
    "attention_differences",
    [
        ("comparison", pa.string(), "right_minus_wrong | original_minus_broken"),
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("region", pa.string()),
        ("n", pa.int32(), "variants, or pairs, that have the region"),
        ("n_programs", pa.int32()),
        ("first_share", pa.float64(), "mean where right, or of the originals"),
        ("second_share", pa.float64()),
        ("difference", pa.float64(), "first minus second"),
        ("lower", pa.float64(), "95%, clustered by program"),
        ("upper", pa.float64()),
        ("token_difference", pa.float64(), "the same of the region's share of all tokens"),
        ("p", pa.float64()),
        ("adjusted_p", pa.float64(), "Holm, over all rows of the comparison"),
    ],
    place="{study}/attention_differences.parquet",
    row="a comparison, head and kind of region",
)
ATTENTION_HEADS = Table(
    "attention_heads",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("region", pa.string(), "in which this head was chosen"),
        ("tokens", pa.list_(pa.string())),
        ("weights", pa.list_(pa.float32()), "of the last token to each; they sum to 1"),
    ],
    place="{study}/attention_heads.parquet",
    row="a shown variant and head",
)
ATTENDED = Table(
    "attended",
    [
        ("tokens", pa.list_(pa.list_(pa.int32()))),
        ("weights", pa.list_(pa.list_(pa.float32()))),
    ],
)
ATTENTION_TOKENS = Table(
    "attention_tokens",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("tokens", pa.list_(pa.int32()), "indices in the prompt, the most looked at first"),
        ("weights", pa.list_(pa.float32()), "of the last token to each"),
    ],
    place="{study}/attention_tokens/{edit}.parquet",
    row="a variant and head",
)
