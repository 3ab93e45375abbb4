"""Prompts of one model, padded, whose positions, places and tokens can be said by name."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import pad_batch
from fimscope.inference.places import Place, residual
from fimscope.inference.residuals import token_columns
from fimscope.interventions.named_prompt import (
    NamedPrompt,
    Positions,
    each_of,
    name_prompts,
    position_list,
    zip_rows,
)
from fimscope.models.load import Model

Places = Place | Sequence[Place]
Layers = int | Sequence[int]
Token = str | int
Tokens = Sequence[Token] | Sequence[Sequence[Token]]


class NamedBatch:
    """Names to numbers, for prompts that go through a model together.

    prompts   texts, token ids or `NamedPrompt`s
    raises    UserError where there is none, one is longer than the model reads, or has a token that
              the model lacks
    """

    def __init__(self, model: Model, prompts: Sequence[str | NamedPrompt | Sequence[int]]):
        self.model = model
        self.prompts = name_prompts(model, prompts)
        self.inputs = pad_batch(model, [prompt.token_ids for prompt in self.prompts])

    def columns(self, positions: Positions | None) -> Tensor:
        """Columns [example, position] of the padded batch.

        positions  None: every token; a shorter prompt's last one is repeated
        raises     MisalignedError where a prompt lacks one
        """
        if positions is None:
            numbers = torch.arange(self.inputs.token_ids.shape[1], device=self.model.device)
            last = self.inputs.mask.sum(1, keepdim=True) - 1
            return torch.minimum(numbers, last) + self.inputs.n_padding[:, None]
        chosen = [zip_rows(self.prompts, position) for position in position_list(positions)]
        indices = [[prompt.index_of(p) for prompt, p in row] for row in zip(*chosen, strict=True)]
        return token_columns(self.inputs, indices)

    def places(self, places: Places | None, layers: Layers | None) -> list[Place]:
        """The places, then what leaves each layer; raises UserError of a layer the model lacks."""
        found = [] if places is None else each_of(places, Place)
        for layer in [] if layers is None else each_of(layers):
            if not 0 <= layer < self.model.n_blocks:
                raise UserError(
                    f"layers: {layer} found; expected one of 0..{self.model.n_blocks - 1}, blocks"
                )
            found.append(residual(layer + 1))
        return found

    def some_places(self, places: Places | None, layers: Layers | None) -> list[Place]:
        """As `places`; raises UserError where neither names one"""
        if found := self.places(places, layers):
            return found
        raise UserError("an edit without a place; expected `places` or `layers`")

    def targets(self, to: Places | Layers) -> list[Place]:
        """Places of places or layers, in their order."""
        each = each_of(to, Place)
        return [t if isinstance(t, Place) else self.places(None, t)[0] for t in each]

    def token_ids(self, tokens: Tokens) -> Tensor:
        """[example, token] int64 of tokens by id or text, for all prompts or a list for each.

        raises   UserError where a text is not one token, or the model lacks one
        """
        nested = len(tokens) and not isinstance(tokens[0], Token)
        each = list(tokens) if nested else [tokens] * len(self.prompts)
        if len({len(row) for row in each}) > 1 or len(each) != len(self.prompts):
            raise MisalignedError(
                f"tokens for {len(each)} prompts, {sorted({len(row) for row in each})} in each; "
                f"expected as many for each of {len(self.prompts)}"
            )
        ids = [[self._token_id(token) for token in row] for row in each]
        return torch.tensor(ids, dtype=torch.long, device=self.model.device)

    def text(self, token_ids: int | Sequence[int]) -> str:
        """The text of a token, or of several together."""
        return self.model.nnsight.tokenizer.decode(token_ids)

    def _token_id(self, token: Token) -> int:
        if isinstance(token, str):
            ids = self.model.nnsight.tokenizer.encode(token, add_special_tokens=False)
            if len(ids) != 1:
                raise UserError(f"tokens: {token!r} is {len(ids)} tokens; expected one, or its id")
            return ids[0]
        if not 0 <= token < self.model.vocab_size:
            raise UserError(
                f"tokens: {token} found; expected 0 to {self.model.vocab_size - 1}, "
                "the model's vocabulary"
            )
        return int(token)
