"""A prompt: a variant as the model gets it."""

from dataclasses import dataclass

from fimscope.prompts.regions import Region


class Unfit(Exception):
    """This variant gives no prompt; `reason` is one of rejections.REASONS."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Prompt:
    """One prompt, ready for the model.

    positions    token index of every named position that the prompt has
    regions      cover all tokens, in order
    n_truncated  tokens of the program that the prompt does not show
    """

    text: str
    token_ids: list[int]
    gold_token_ids: list[int]
    positions: dict[str, int]
    regions: list[Region]
    window: str
    n_truncated: int
