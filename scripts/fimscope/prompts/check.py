"""Whether a tokenizer is the model's, and keeps its control tokens out of texts."""

from pathlib import Path

from fimscope.errors import UserError
from fimscope.prompts.encoder import Encoder


def check_tokens(encoder: Encoder, vocab_size: int, folder: Path) -> list[tuple[str, str]]:
    """Whether every token has an embedding, and no text is a control token: a row for each.

    raises UserError, one sentence of what is wrong and what to do
    """
    control = encoder.control_ids()
    largest = max(encoder.text_ids(), default=0)
    if largest >= vocab_size:
        raise UserError(
            f"{folder}: tokenizer.json has the token id {largest}, and the model embeds "
            f"{vocab_size}; they are not of one model, fetch both again"
        )
    text = "return a + '" + "".join(map(encoder.token, sorted(control))) + "';"
    read = control & set(encoder.encode(text).ids)
    if read:
        raise UserError(
            f"{folder}: tokenizer.json: a text that spells {encoder.token(min(read))} becomes that "
            "control token; take a tokenizer that has it among its added tokens"
        )
    return [
        ("token ids", f"up to {largest}, of {vocab_size} embeddings"),
        ("control tokens", f"none of {len(control)} is read out of a text"),
        ("in front of a prompt", " ".join(map(encoder.token, encoder.start_ids)) or "nothing"),
    ]
