"""The tables of this experiment."""

import pyarrow as pa

from fimscope.experiments.whole_types.verdicts import FORMS, VERDICTS
from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

KS = (1, 10, 100)  # samples of which one is to be right
SAMPLED = Table(
    "sampled",
    [
        ("token_ids", pa.list_(pa.list_(pa.int32()))),
        ("ended", pa.list_(pa.bool_())),
    ],
)
DRAWN_TYPES = Table(
    "drawn_types",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string()),
        ("n_gold_tokens", pa.int32()),
        ("completed_type", pa.string(), "as it is spelled; empty where a sample spells none"),
        ("ended", pa.bool_(), "those that have not within answers.max_new_tokens are one row"),
        ("count", pa.int32(), "samples of the variant that spell it"),
    ],
    place="{study}/drawn_types/{edit}.parquet",
    row="a type that samples of a variant spell",
)
SAMPLED_TYPES = Table(
    "sampled_types",
    [
        *VARIANT_KEY,
        ("completed_type", pa.string(), "as it is spelled; empty where a sample spells none"),
        ("ended", pa.bool_(), "those that have not within answers.max_new_tokens are one row"),
        ("count", pa.int32(), "samples of the variant that spell it"),
        ("verdict", pa.string(), " | ".join(VERDICTS)),
        ("is_any", pa.bool_(), "it checks because to the compiler it is `any`"),
        ("detail", pa.string(), "of one that fails: the program's new error, or why it is no type"),
        ("right", pa.bool_(), "by the verdicts that answers.right counts"),
    ],
    place="{study}/sampled_types/{edit}.parquet",
    row="a type that samples of a variant spell, the commonest first",
)
SAMPLES = Table(
    "samples",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("n_gold_tokens", pa.int32()),
        ("form", pa.string(), f"of the gold: {' | '.join(FORMS)}"),
        ("n", pa.int32(), "samples, each of which has one verdict"),
        *((f"n_{verdict}", pa.int32()) for verdict in VERDICTS),
        ("n_any", pa.int32(), "of those that check: `any` to the compiler"),
        ("n_unended", pa.int32(), "of those that fail: the type never ends"),
        ("n_right", pa.int32(), "by the verdicts that answers.right counts"),
        *((f"pass_at_{k}", pa.float64(), "of what is right") for k in KS),
        ("distinct", pa.int32(), "different types among the samples"),
    ],
    place="{study}/samples/{edit}.parquet",
    row="a variant",
)
