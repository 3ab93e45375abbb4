"""From a variant to its prompt, in either format: the window, the hole shown through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fimscope.prompts.encoder import Encoder
from fimscope.prompts.fim import choose_fim_window, fim_prompt, follow_fim, own_fim
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.prompts.rewrite import (
    choose_rewrite_window,
    follow_rewrite,
    own_rewrite,
    rewrite_prompt,
)
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Hole, LabelledSpan, Units

Row = Mapping[str, Any]

# No code is denser than this; a unit with more characters need not be looked at.
MOST_CHARS_A_TOKEN = 16


@dataclass(frozen=True)
class Format:
    """A prompt format: how its window is chosen, and how a hole is shown through a window.

    follow       the window of an original, for its variant
    own          narrows a window to the hole's own function
    gold_alone   a special token stands between prompt and gold, so that the gold's tokens are those
                 of its text alone
    """

    choose: Callable[[Encoder, Units, int], Any]
    follow: Callable[[Units, Units, Any], Any]
    own: Callable[[Units, Any], tuple[Units, Any]]
    render: Callable[[Encoder, Hole, Units, Any, Sequence[LabelledSpan]], Prompt]
    gold_alone: bool


FORMATS = {
    "fim": Format(choose_fim_window, follow_fim, own_fim, fim_prompt, True),
    "rewrite": Format(choose_rewrite_window, follow_rewrite, own_rewrite, rewrite_prompt, False),
}


class PromptMaker:
    """Makes the prompt of a variant, with the window that its original's prompt has.

    The window is chosen on the original, so that an edit changes what the prompt says and not how
    much of the program it shows.
    """

    def __init__(
        self,
        format: Format,
        encoder: Encoder,
        typescript: TypeScript,
        max_tokens: int,
        golds: str,
    ):
        self.format, self.encoder, self.typescript = format, encoder, typescript
        self.max_tokens, self.golds = max_tokens, golds

    def make(self, original: Row, variant: Row) -> Prompt:
        """raises Unfit or TypeScriptError, with a reason, where the variant gives no prompt"""
        return self._render(variant, *self._window(original, variant))

    def make_own(self, original: Row, variant: Row) -> Prompt:
        """As `make`, but for all that stands outside the hole's own function.

        raises Unfit (nothing_to_edit) where the prompt shows nothing of it
        """
        return self._render(variant, *self.format.own(*self._window(original, variant)))

    def _window(self, original: Row, variant: Row) -> tuple[Units, Any]:
        if self.format.gold_alone:  # known before the work of a prompt is done
            self._check_gold(variant["gold"], self.encoder.count(variant["gold"]))
        units = self._units(original, self.max_tokens * MOST_CHARS_A_TOKEN)
        window = self.format.choose(self.encoder, units, self.max_tokens)
        if variant["edit"] == original["edit"]:
            return units, window
        edited = self._units(variant, 2 * self.max_tokens * MOST_CHARS_A_TOKEN)
        return edited, self.format.follow(units, edited, window)

    def _render(self, variant: Row, units: Units, window: Any) -> Prompt:
        hole = Hole.of(variant)
        spans = self.typescript.regions(hole.prefix, hole.gold, hole.suffix, hole.name_start)
        prompt = self.format.render(self.encoder, hole, units, window, spans)
        self._check_gold(hole.gold, len(prompt.gold_token_ids))
        return prompt

    def _check_gold(self, gold: str, n_tokens: int) -> None:
        if self.golds == "single_token" and n_tokens != 1:
            raise Unfit("gold_several_tokens", f"{gold!r} is {n_tokens} tokens")

    def _units(self, row: Row, max_chars: int) -> Units:
        return self.typescript.units(row["prefix"], row["gold"], row["suffix"], max_chars)
