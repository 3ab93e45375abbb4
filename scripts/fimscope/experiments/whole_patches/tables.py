"""The tables of this experiment."""

import pyarrow as pa

from fimscope.experiments.patch.tables import PATCH_KEY
from fimscope.files.tables import Table

TOKEN_IDS = pa.list_(pa.int32())
LOGPROBS = pa.list_(pa.float32())

WHOLE_PAIRS = Table(
    "whole_pairs",
    [
        ("condition", pa.string()),
        ("pair_id", pa.string()),
        ("recipient_example_id", pa.string()),
        ("recipient_edit", pa.string()),
        ("recipient_program_id", pa.string()),
        ("donor_kind", pa.string(), "paired, or one of the controls (docs/method.md)"),
        ("donor_example_id", pa.string(), "null for random"),
        ("donor_edit", pa.string()),
        ("target", pa.string(), "the whole type that success would say"),
        ("target_token_ids", TOKEN_IDS),
        ("target_form", pa.string(), "its kind, as `form` in verdicts"),
        ("foil", pa.string(), "the whole type that the recipient says"),
        ("foil_token_ids", TOKEN_IDS),
    ],
    place="{study}/whole_patches/pairs.parquet",
    row="a recipient and one of its donors",
)
WHOLE_PATCHES = Table(
    "whole_patches",
    [
        *PATCH_KEY,
        ("point", pa.int32()),
        ("target_logprob", pa.float32(), "the sum over its tokens, natural logarithm"),
        ("foil_logprob", pa.float32()),
        ("logprob_diff", pa.float32(), "target minus foil"),
        ("recipient_logprob_diff", pa.float32(), "the same without a patch"),
        ("donor_logprob_diff", pa.float32(), "the same in the paired donor's own run"),
        ("normalised_effect", pa.float32(), "0 recipient, 1 donor; null under the least gap"),
        ("mean_logprob_diff", pa.float32(), "target minus foil, each a mean over its tokens"),
        ("mean_effect", pa.float32(), "the normalised effect of these means"),
        ("turned", pa.bool_(), "greedy decoding begins with the whole target"),
        ("token_logprobs", LOGPROBS, "of each token of the target, behind those before it"),
        ("recipient_token_logprobs", LOGPROBS, "the same without a patch"),
        ("donor_token_logprobs", LOGPROBS, "the same in the paired donor's own run"),
    ],
    place="{study}/whole_patches/patches.parquet",
    row="a patch at the last token",
)
