"""From text to tokens.

Source text is hostile: it may spell a control token. Text is therefore always encoded with control
tokens switched off, and a format's own tokens are put in by their ids.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from fimscope.errors import UserError
from fimscope.prompts.prompt import Unfit


@dataclass(frozen=True)
class Encoding:
    """Token ids, and for each token the span of code points that it covers."""

    ids: list[int]
    spans: list[tuple[int, int]]


# Control tokens as their makers spell them, whether they are flagged as special or not.
CONTROL = re.compile(
    r"<[|｜].*[|｜]>|<fim[_-]\w+>|▁<(PRE|SUF|MID|EOT)>|</?(tool_call|tool_response|think)>"
)
TOKENIZER = "tokenizer.json"  # of a prepared model's folder
ANCHOR = "☺"  # as CodeLlama's authors have it


class Encoder:
    """A tokenizer that never reads a control token out of a program's text.

    start_ids   what stands in front of every prompt
    """

    def __init__(self, tokenizer: Tokenizer, start_ids: Sequence[int] | None = None):
        tokenizer = _with_control_tokens_special(tokenizer)
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.start_ids = _start_ids(tokenizer) if start_ids is None else list(start_ids)
        anchored = tokenizer.encode(ANCHOR, add_special_tokens=False)
        self._anchor_ids = anchored.ids
        self._adds_space = any(token.startswith("▁") for token in anchored.tokens[:1])

    @classmethod
    def from_folder(cls, folder: Path) -> "Encoder":
        """The tokenizer of a prepared model. raises UserError where the folder has none."""
        path = folder / TOKENIZER
        if not path.is_file():
            raise UserError(f"{path}: no such file; prepare_model writes it")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library has no narrower one
            raise UserError(f"{path}: not a tokenizer ({error})") from None
        return cls(tokenizer, _start_ids(tokenizer) or _told_start_ids(folder, tokenizer))

    def encode(self, text: str) -> Encoding:
        """The tokens of a text alone: nothing put in front of it or behind it."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return Encoding(found.ids, found.offsets)

    def encode_inside(self, text: str) -> Encoding:
        """As `encode`, of a text that a control token precedes: without an implicit space.

        Some tokenizers put a space in front of every text. CodeLlama's authors take it away of what
        stands behind a fill-in-the-middle token, by a character in front that they cut off again
        (`encode_infilling` of facebookresearch/codellama).
        """
        if not self._adds_space:
            return self.encode(text)
        found, n = self.encode(ANCHOR + text), len(self._anchor_ids)
        spans = [(max(0, start - 1), end - 1) for start, end in found.spans[n:]]
        return Encoding(found.ids[n:], spans)

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(token_ids), skip_special_tokens=False)

    def token_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def token(self, token_id: int) -> str:
        """A token as the tokenizer spells it."""
        return self._tokenizer.id_to_token(token_id)

    def text_ids(self) -> set[int]:
        """The ids that a text may give."""
        return set(self._tokenizer.get_vocab().values()) - self.control_ids()

    def control_ids(self) -> set[int]:
        """The ids that no text ever gives; a text with an unknown word gives that of such words."""
        added = self._tokenizer.get_added_tokens_decoder()
        unknown = getattr(self._tokenizer.model, "unk_token", None)
        return {i for i, token in added.items() if token.special and token.content != unknown}


def _with_control_tokens_special(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with every control token flagged as special, which alone are switched off.

    Qwen2.5-Coder, CodeGemma and DeepSeek-Coder do not flag their fill-in-the-middle tokens. What
    else is added is text to the model too, such as runs of spaces, and stays.
    """

    def unflagged(token: Any) -> bool:
        return not token.special and CONTROL.fullmatch(token.content) is not None

    if not any(map(unflagged, tokenizer.get_added_tokens_decoder().values())):
        return tokenizer
    parts = json.loads(tokenizer.to_str())
    for token in parts["added_tokens"]:
        token["special"] |= CONTROL.fullmatch(token["content"]) is not None
    return Tokenizer.from_str(json.dumps(parts))


def _told_start_ids(folder: Path, tokenizer: Tokenizer) -> list[int]:
    """The start token that tokenizer_config.json asks for, and tokenizer.json puts nowhere.

    So it is with DeepSeek-Coder, of which transformers 5 leaves it out.
    """
    path = folder / "tokenizer_config.json"
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    token = told.get("bos_token")
    name = token.get("content") if isinstance(token, dict) else token
    start = tokenizer.token_to_id(name) if told.get("add_bos_token") and name else None
    return [] if start is None else [start]


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
