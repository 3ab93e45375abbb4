"""Small real tokenizers, trained on the spot."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

STARCODER_TOKENS = ("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>")


def byte_tokenizer(
    texts: Iterable[str], vocab_size: int = 600, special: Iterable[str] = STARCODER_TOKENS
) -> Tokenizer:
    """A byte-level BPE with the special tokens of StarCoder, or of another family.

    A space is a token of its own, so that a type is the same token behind `: ` and behind a FIM
    token, however small the vocabulary.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
