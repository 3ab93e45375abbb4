"""From text to tokens.

Source text is hostile: it may spell a special token. Text is therefore always encoded with special
tokens switched off, and a format's own tokens are put in by their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from fimscope.errors import UserError
from fimscope.prompts.prompt import Unfit


@dataclass(frozen=True)
class Encoding:
    """Token ids, and for each token the span of code points that it covers."""

    ids: list[int]
    spans: list[tuple[int, int]]


class Encoder:
    """A tokenizer that never reads a special token out of a program's text."""

    def __init__(self, tokenizer: Tokenizer):
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.start_ids = _start_ids(tokenizer)

    @classmethod
    def from_folder(cls, folder: Path) -> "Encoder":
        """The tokenizer of a prepared model. raises UserError where the folder has none."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; prepare_model writes it")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library has no narrower one
            raise UserError(f"{path}: not a tokenizer ({error})") from None

    def encode(self, text: str) -> Encoding:
        """The tokens of a text alone: nothing put in front of it or behind it."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return Encoding(found.ids, found.offsets)

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(token_ids), skip_special_tokens=False)

    def token_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)


def _start_ids(tokenizer: Tokenizer) -> list[int]:
    """What the tokenizer puts in front of every text (<bos> for some families, often nothing)."""
    with_start = tokenizer.encode("a", add_special_tokens=True).ids
    alone = tokenizer.encode("a", add_special_tokens=False).ids
    for n in range(len(with_start) - len(alone) + 1):
        if with_start[n : n + len(alone)] == alone:
            return with_start[:n]
    return []


def gold_tokens(encoder: Encoder, text: str, gold: str) -> list[int]:
    """The tokens that gold adds to text when both are tokenised together.

    raises Unfit (token_boundary) where the gold changes a token of the text itself
    """
    before, together = encoder.encode(text).ids, encoder.encode(text + gold).ids
    if together[: len(before)] != before:
        raise Unfit("token_boundary", f"tokens of the prompt change when {gold!r} follows")
    return together[len(before) :]


def last_token_of(spans: Sequence[tuple[int, int]], start: int, name: str) -> int | None:
    """Index of the last token that covers a part of the name at `start`; None where none does."""
    end = start + len(name)
    covering = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
    return covering[-1] if start >= 0 and covering else None
