"""The text of every token of a prompt, so that together they spell the prompt."""

from collections.abc import Callable, Sequence

Decode = Callable[[tuple[int, ...]], str]
UNFINISHED = "\ufffd"  # what decoding gives for a character of which bytes are missing


def token_pieces(decode: Decode, token_ids: Sequence[int]) -> list[str]:
    """The text that each token adds to the tokens before it.

    A token that ends within a character adds nothing; the one that completes it adds all of it.
    Some tokenizers drop the space in front of a text's first token, so each token is decoded
    behind the one before it.
    """
    pieces: list[str] = []
    start = done = 0
    for end in range(1, len(token_ids) + 1):
        before = decode(tuple(token_ids[start:done])) if done > start else ""
        text = decode(tuple(token_ids[start:end]))
        if text.endswith(UNFINISHED) and end < len(token_ids) and end - done < 4:
            pieces.append("")
            continue
        pieces.append(text[len(before) :])
        start, done = done, end
    return pieces
