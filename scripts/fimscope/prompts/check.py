"""Whether a model's folder is what it seems: weights, tokens, logits, places."""

from pathlib import Path

from fimscope.errors import UserError
from fimscope.prompts.encoder import Encoder


def check_model(
    folder: Path, dtype: str, device: str, attention: str, trust_remote_code: bool = False
) -> list[tuple[str, str]]:
    """What was checked of a model's folder and what was found, a row each.

    dtype, device, attention   as of `load_model`
    raises UserError, one sentence of what is wrong and what to do
    """
    from transformers.utils.logging import disable_progress_bar

    from fimscope.inference.check import check_network
    from fimscope.models.load import load_model

    disable_progress_bar()  # the steps tell their progress themselves
    model = load_model(folder, dtype, device, attention, trust_remote_code)
    return [
        ("weights", "each has its place, and none is missing"),
        *check_tokens(Encoder.from_folder(folder), model.vocab_size, folder),
        *check_network(model),
    ]


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
