"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import EXAMPLE_KEY
from fimscope.files.tables import Table

PATCH_KEY = [
    ("condition", pa.string()),
    ("pair_id", pa.string()),
    *EXAMPLE_KEY,
    ("edit", pa.string()),
    ("program_id", pa.string()),
    ("donor_kind", pa.string()),
    ("donor_example_id", pa.string()),
]
PATCH_MEASURES = [
    ("predicted", pa.string()),
    ("predicted_token_id", pa.int32()),
    ("to_gold", pa.bool_()),
    ("to_donor", pa.bool_()),
    ("gold_logprob", pa.float32()),
    ("foil_logprob", pa.float32()),
    ("target_logprob", pa.float32()),
    ("logit_diff", pa.float32(), "target minus foil"),
    ("recipient_logit_diff", pa.float32(), "the same without a patch"),
    ("donor_logit_diff", pa.float32(), "the same in the paired donor's own run"),
    ("normalised_effect", pa.float32(), "0 recipient, 1 donor; null under the least gap"),
]
PAIRS = Table(
    "pairs",
    [
        ("condition", pa.string()),
        ("pair_id", pa.string()),
        ("recipient_example_id", pa.string()),
        ("recipient_edit", pa.string()),
        ("recipient_program_id", pa.string()),
        ("donor_kind", pa.string(), "paired, or one of the controls (docs/method.md)"),
        ("donor_example_id", pa.string(), "null for random"),
        ("donor_edit", pa.string()),
        ("target_token_id", pa.int32(), "what success would predict"),
        ("foil_token_id", pa.int32(), "what the recipient predicts"),
        ("gold_token_id", pa.int32(), "the recipient's"),
        ("donor_token_id", pa.int32(), "what the donor predicts"),
    ],
    place="{study}/pairs.parquet",
    row="a recipient and one of its donors",
)
PATCHES = Table(
    "patches",
    [
        *PATCH_KEY,
        ("point", pa.int32(), "the first of the points that are patched together"),
        ("n_points", pa.int32(), "how many those are"),
        ("position", pa.string(), "of a token, or of a set of them: fim, name"),
        *PATCH_MEASURES,
    ],
    place="{study}/patches/{condition}.parquet",
    row="a patch; those of other tokens are in `patch_positions/`",
)
