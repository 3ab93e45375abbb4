"""The likeliest tokens as a column of a table: their texts and log-probabilities."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.files.columns import CANDIDATE
from fimscope.prompts.encoder import Encoder


def token_texts(token_ids: NDArray, encoder: Encoder) -> pa.Array:
    """The text of each token alone, [token]; a token is decoded once, however often it stands."""
    unique, places = np.unique(token_ids, return_inverse=True)
    texts = pa.array([encoder.decode([int(token)]) for token in unique], pa.string())
    return texts.take(pa.array(places.reshape(-1)))


def candidate_lists(token_ids: NDArray, logprobs: NDArray, encoder: Encoder) -> pa.ListArray:
    """A list of candidates for each row.

    token_ids, logprobs  [row, candidate], best first; natural logarithms
    """
    n_rows, n_candidates = token_ids.shape
    values = pa.StructArray.from_arrays(
        [
            token_texts(token_ids.reshape(-1), encoder),
            pa.array(logprobs.reshape(-1), CANDIDATE.field("logprob").type),
        ],
        fields=list(CANDIDATE),
    )
    offsets = np.arange(n_rows + 1, dtype=np.int32) * n_candidates
    return pa.ListArray.from_arrays(pa.array(offsets), values)
