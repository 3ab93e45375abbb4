"""Tokens as text that can be read, and the likeliest ones as a column of a table."""

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.files.columns import CANDIDATE
from fimscope.prompts.encoder import Encoder

UNFINISHED = "\ufffd"  # what decoding gives for bytes that are no whole character
BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # how SentencePiece spells one


def token_text(token_id: int, encoder: Encoder) -> str:
    """The text of a token alone; bytes that are no whole character show as escapes, `\\xe2`."""
    text = encoder.decode([token_id])
    if UNFINISHED not in text:
        return text
    spelled = encoder.token(token_id)
    if byte := BYTE.fullmatch(spelled):
        raw = bytes.fromhex(byte[1])
    elif all(letter in BYTE_OF for letter in spelled):
        raw = bytes(BYTE_OF[letter] for letter in spelled)
    else:
        return spelled
    return raw.decode("utf-8", errors="backslashreplace")


def _bytes_by_letter() -> dict[str, int]:
    """The byte for which each letter of a byte-level vocabulary stands.

    As in GPT-2 (`bytes_to_unicode` of openai/gpt-2): those that print stand for themselves, the
    others, in their order, for the letters from 256 on.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    letters = {chr(256 + place): byte for place, byte in enumerate(others)}
    return {chr(byte): byte for byte in printing} | letters


BYTE_OF = _bytes_by_letter()


def token_texts(token_ids: NDArray, encoder: Encoder) -> pa.Array:
    """The text of each token alone, [token]; a token is decoded once, however often it stands."""
    unique, places = np.unique(token_ids, return_inverse=True)
    texts = pa.array([token_text(int(token), encoder) for token in unique], pa.string())
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
