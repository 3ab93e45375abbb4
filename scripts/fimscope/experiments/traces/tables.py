"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

TRACES = Table(
    "traces",
    [
        ("condition", pa.string(), "restore | break"),
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("token", pa.int32(), "index in the prompts of original and variant"),
        ("text", pa.string(), "of the token, in the recipient"),
        ("role", pa.string(), "of the token: docs/method.md"),
        ("point", pa.int32()),
        ("is_run", pa.bool_(), "false: recipient and donor are known to have the same there"),
        ("predicted", pa.string()),
        ("to_target", pa.bool_()),
        ("logit_diff", pa.float32(), "target minus foil"),
        ("recipient_logit_diff", pa.float32(), "the same without a patch"),
        ("donor_logit_diff", pa.float32(), "the same in the donor's own run"),
        ("normalised_effect", pa.float32(), "0 recipient, 1 donor; null under the least gap"),
    ],
    place="{study}/traces.parquet",
    row="a token of a recipient and a point",
)
