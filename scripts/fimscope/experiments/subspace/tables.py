"""The tables of this experiment."""

import pyarrow as pa

from fimscope.experiments.patch.tables import PATCH_KEY, PATCH_MEASURES
from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

PART = [
    ("point", pa.int32()),
    ("rank", pa.int32(), "of the subspace; of `whole` the width of the stream"),
    ("draw", pa.int32(), "which of the random subspaces; null for another kind"),
]
SUBSPACE_DIRECTIONS = Table(
    "subspace_directions",
    [
        ("point", pa.int32()),
        ("direction", pa.int32(), "from 0, the strongest first"),
        ("share", pa.float64(), "of the scatter of the types' means on `fit`"),
        ("types", pa.list_(pa.string()), "whose means span the directions"),
    ],
    place="{study}/subspace/directions.parquet",
    row="a direction between the types' means at a point",
)
SUBSPACE_PATCHES = Table(
    "subspace_patches",
    [
        *PATCH_KEY,  # the donor kind: whole | types | complement | variance | random
        ("group", pa.string()),
        *PART,
        *PATCH_MEASURES,
    ],
    place="{study}/subspace/patches.parquet",
    row="a patch of a part of the stream, its donor that of the pair; donor_kind is the part",
)
SUBSPACE_MEANS = Table(
    "subspace_means",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("gold", pa.string()),
        ("group", pa.string()),
        ("outcome", pa.string(), "right | wrong, before"),
        ("part", pa.string(), "whole | types; on `test` variance and random too"),
        *PART,
        ("predicted", pa.string()),
        ("predicted_token_id", pa.int32()),
        ("to_gold", pa.bool_()),
        ("gold_logprob", pa.float32()),
    ],
    place="{study}/subspace/means.parquet",
    row="a variant into a part of whose stream its gold's mean of `fit` was written",
)
SUBSPACE_LEARNED = Table(
    "subspace_learned",
    [
        ("point", pa.int32()),
        ("rank", pa.int32()),
        ("n_fit", pa.int32(), "pairs that it was learned with"),
        ("n_select", pa.int32(), "pairs by which the step was chosen"),
        ("step", pa.int32(), "the one with the least loss on `select`; 0 is the random start"),
        ("first_loss", pa.float64(), "at the start, on `select`: mean cross entropy, nats"),
        ("loss", pa.float64(), "at that step"),
        (
            "types_share",
            pa.float64(),
            "of the learned directions that lies between the types: mean squared cosine",
        ),
        ("chance_share", pa.float64(), "the same of random directions, on average"),
    ],
    place="{study}/subspace/learned.parquet",
    row="a subspace that was learned by interchange",
)
SUBSPACE_LEARNED_PATCHES = Table(
    "subspace_learned_patches",
    [*PATCH_KEY, ("group", pa.string()), *PART, *PATCH_MEASURES],
    place="{study}/subspace/learned_patches.parquet",
    row="a patch of a learned subspace, its donor that of the pair; donor_kind is `learned`",
)
