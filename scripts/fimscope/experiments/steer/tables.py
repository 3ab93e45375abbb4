"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

DOSE = [
    ("kind", pa.string(), "of the vector; none where nothing was added"),
    ("vector", pa.string(), "its name"),
    ("points", pa.list_(pa.int32()), "where it was added, all at once"),
    ("strength", pa.float64(), "in mean norms of the residual at each point; null: as it is"),
]
STEERED_TYPE = [
    *VARIANT_KEY,
    ("program_id", pa.string()),
    ("gold", pa.string()),
    ("broken", pa.bool_()),
    *DOSE,
    ("predicted_token_id", pa.int32(), "the steered first token"),
    ("completion", pa.string(), "it and what follows it without steering"),
    ("completed_type", pa.string()),
]
STEERING_VECTORS = Table(
    "steering_vectors",
    [
        ("name", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string(), "of the vectors that stand for a type or leave one out"),
        ("point", pa.int32()),
        ("n_pairs", pa.int32(), "or examples, of a concept vector"),
        ("n_programs", pa.int32()),
        ("norm", pa.float64()),
        ("residual_norm", pa.float64(), "the residual's mean norm at this point"),
        ("relative_norm", pa.float64(), "the strength at which the vector is added as it is"),
    ],
    place="{study}/steering/vectors.parquet",
    row="a vector and point; those of the replication are in `replication/vectors/`",
)
STEERING_RESULTS = Table(
    "steering_results",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("group", pa.string()),
        ("outcome", pa.string(), "right | wrong, without steering"),
        ("broken", pa.bool_()),
        *DOSE,
        ("predicted", pa.string()),
        ("predicted_token_id", pa.int32()),
        ("to_gold", pa.bool_()),
        ("gold_logprob", pa.float32()),
        ("foil_logprob", pa.float32(), "null where the prediction was right"),
        ("logit_diff", pa.float32(), "gold minus foil; null where it was right"),
        ("unsteered_logit_diff", pa.float32()),
    ],
    place="{study}/steering/results.parquet",
    row="a variant and dose; those of the replication are in `replication/`",
)
STEERING_SETTINGS = Table(
    "steering_settings",
    [
        ("kind", pa.string()),
        ("vector", pa.string(), "of the random and the shuffled ones, each chosen for alone"),
        ("points", pa.list_(pa.int32())),
        ("strength", pa.float64()),
        ("n_wrong", pa.int32()),
        ("n_mended", pa.int32()),
        ("n_right", pa.int32()),
        ("n_worsened", pa.int32(), "right answers that are spoiled: wrong when steered"),
        ("score", pa.float64(), "share of wrong mended minus share of right spoiled"),
        ("gain", pa.float64(), "mean rise of gold minus foil in the wrong ones, in logits"),
        ("chosen", pa.bool_()),
    ],
    place="{study}/steering/settings.parquet",
    row="a setting tried on `select`",
)
STEERING_GATES = Table(
    "steering_gates",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("group", pa.string(), "select | test"),
        ("outcome", pa.string(), "right | wrong, without steering"),
        ("gate", pa.string(), "margin | probe"),
        ("point", pa.int32(), "that the probe reads; null for the model's own margin"),
        ("l2", pa.float64(), "the probe's penalty"),
        ("score", pa.float64(), "the higher, the likelier the answer is wrong"),
    ],
    place="{study}/steering/gates.parquet",
    row="a variant and a gate",
)
STEERING_DISTURBANCE = Table(
    "steering_disturbance",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("token", pa.int32(), "index in the prompt of the token that was steered"),
        *DOSE,
        ("divergence", pa.float32(), "nats, KL(unsteered || steered) of the next token"),
        ("moved", pa.bool_(), "another next token is likeliest"),
    ],
    place="{study}/steering/disturbance.parquet",
    row="an unrelated token of a variant, and a dose",
)
STEERING_COMPLETIONS = Table(
    "steering_completions",
    STEERED_TYPE,
    place="{study}/steering/completions.parquet",
    row="a variant and dose",
)
STEERING_TYPES = Table(
    "steering_types",
    [
        *STEERED_TYPE,
        ("verdict", pa.string(), "exact | typechecks | error | no_type | unchecked"),
        ("detail", pa.string(), "the first new error, or why it was not checked"),
    ],
    place="{study}/steering/types.parquet",
    row="a variant and dose, type-checked",
)
