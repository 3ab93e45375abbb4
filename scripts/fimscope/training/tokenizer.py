"""The tokenizer of the embedded model: byte-level BPE in which common types are one token."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX = "<fim_prefix>", "<fim_middle>", "<fim_suffix>"
SPECIAL_TOKENS = (END, FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX)

# What is never joined with its neighbours: the colon in front of a type with its blank; a word,
# with one blank before it; digits; a run of signs, which ends where a colon or a bracket pair
# comes; line ends with the indent that follows.
PIECES = (
    r"\?: |: | ?[A-Za-z_$][\w$]*| ?\d{1,3}|\[\]"
    r"| ?(?:(?!\?: |: |\[\])[^\s\w$])+|(?:\r?\n[ \t]*)+|\s+"
)

# Names that every TypeScript program knows: each is to be one token, alone and after a blank.
KNOWN_TYPES = tuple(
    """string number boolean bigint symbol object any unknown never void undefined null
    this Promise Array ReadonlyArray Record Partial Readonly Iterable Iterator Map Set
    WeakMap Date Error RegExp Function Uint8Array Int32Array Float32Array Float64Array
    ArrayBuffer DataView Buffer URL Element HTMLElement Event Node Document
    PropertyKey""".split()  # noqa: SIM905
)
KNOWN_LINES = 30
GOLD_REPEATS = 8


def train_tokenizer(programs: Sequence[Mapping[str, Any]], vocab_size: int) -> Tokenizer:
    """A byte-level BPE of the programs' texts, in which their types count more than other text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(programs), trainer)
    return tokenizer


def _texts(programs: Sequence[Mapping[str, Any]]):
    for known in KNOWN_TYPES:
        for _ in range(KNOWN_LINES):
            yield f"{known}: {known}\n" * 50 + f" {known}" * 50
    for row in programs:
        text = row["content"]
        yield text
        for start, end in zip(row["starts"], row["ends"], strict=True):
            yield f"{text[start:end]}\n" * GOLD_REPEATS
