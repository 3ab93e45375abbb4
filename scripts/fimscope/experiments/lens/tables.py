"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import CANDIDATE, VARIANT_KEY
from fimscope.files.tables import Table

LENS = Table(
    "lens",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("position", pa.string()),
        ("point", pa.int32()),
        ("top10", pa.list_(CANDIDATE)),
        ("gold_rank", pa.int32(), "0 is first"),
        ("gold_logprob", pa.float32()),
        ("foil_token_id", pa.int32(), "null, as what follows, where there is no foil"),
        ("foil_rank", pa.int32()),
        ("foil_logprob", pa.float32()),
        ("final_rank", pa.int32(), "of the token that is first at the last point"),
        ("entropy", pa.float32(), "nats"),
        ("divergence", pa.float32(), "nats, KL(final || point)"),
    ],
    place="{study}/lens/{edit}.parquet",
    row="a variant, point and position",
)
DIRECT_LOGITS = Table(
    "direct_logits",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("foil_token_id", pa.int32()),
        ("part", pa.string(), "embeddings | block | biases: those behind all blocks"),
        ("block", pa.int32(), "null for the others"),
        (
            "share",
            pa.float32(),
            "what the part brings of the gold's logit less the foil's, through the final norm with "
            "its scale frozen; all parts together: the difference, before a cap; null where the "
            "norm is neither a LayerNorm nor an RMSNorm",
        ),
    ],
    place="{study}/direct_logits/{edit}.parquet",
    row="a variant that has a foil, and a part of the last token's residual",
)
DIRECT_HEADS = Table(
    "direct_heads",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("foil_token_id", pa.int32()),
        ("block", pa.int32()),
        ("part", pa.string(), "head | biases: of its attention | mlp: the rest of the block"),
        ("head", pa.int32(), "null for the others"),
        (
            "share",
            pa.float32(),
            "as in direct_logits: the parts of a block add up to its share there; null where the "
            "heads, through their projection, are not what the attention adds",
        ),
    ],
    place="{study}/direct_heads/{edit}.parquet",
    row="a variant that has a foil, a block and a part of it",
)
LENS_TOKENS = Table(
    "lens_tokens",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("choice", pa.string(), "earliest | median | latest: by which rule it was chosen"),
        ("token_index", pa.int32()),
        ("token", pa.string()),
        ("point", pa.int32()),
        ("top", pa.string(), "the likeliest next token there"),
        ("top_logprob", pa.float32()),
    ],
    place="{study}/lens_tokens.parquet",
    row="a token of a shown example, and a point",
)
LINEAR_LENS = Table(
    "linear_lens",
    [
        *LENS.columns,
        ("map", pa.string(), "fitted | shuffled: on pairs of a point and another prompt's last"),
        ("l2", pa.float64(), "the map's penalty, chosen on `select`"),
        ("error", pa.float64(), "squared distance of the mapped residual from that of the end"),
        ("spread", pa.float64(), "of the end's residual from the mean of `fit`, squared too"),
    ],
    place="{study}/linear_lens.parquet",
    row="a variant of `test`, a point and a map, at the position `last`",
)
