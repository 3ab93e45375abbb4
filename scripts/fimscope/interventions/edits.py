"""Edits and readings of activations inside a forward, place by place as it passes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import Inputs
from fimscope.inference.forward import Arguments, Forward, run_plain, run_traced
from fimscope.inference.places import Place, activation, check_places
from fimscope.inference.residuals import at_columns, put_at_columns
from fimscope.models.load import Model


@dataclass(frozen=True)
class Edit:
    """One change: `change` makes new values of the old [example, position, width].

    columns   [example, position] int64, in the padded batch
    is_patch  whether the old values are lost
    """

    place: Place
    columns: Tensor
    change: Callable[[Tensor], Tensor]
    is_patch: bool = False


@dataclass(frozen=True)
class Reading:
    """Places to be read behind all edits, at columns [example, position]; `values` is filled."""

    columns: Tensor
    values: dict[Place, Tensor]


def edited_prompts(inputs: Inputs, edits: Sequence[Edit], reading: Reading | None) -> Forward:
    """A forward of prompts in which edits are made, in their order, and places are read."""
    if not edits and reading is None:
        return run_plain

    def forward(model: Model, arguments: Arguments) -> Tensor:
        return run_traced(model, arguments, lambda: _touch(model, inputs, edits, reading))

    return forward


def edited_new_tokens(inputs: Inputs, edits: Sequence[Edit]) -> Forward:
    """A forward of generated tokens, [example, copy] at a time, with every edit at each of them.

    raises   MisalignedError of an edit at several positions; UserError of one of a pattern
    """
    for edit in edits:
        if edit.columns.shape[1] != 1:
            raise MisalignedError(
                f"{edit.place}: {edit.columns.shape[1]} positions; an edit that is made again at "
                "every new token has one"
            )
        if edit.place.kind == "pattern":
            raise UserError(f"{edit.place}: cannot be edited at new tokens, which see more tokens")

    def forward(model: Model, arguments: Arguments) -> Tensor:
        columns = torch.arange(arguments["input_ids"].shape[1], device=model.device)
        all_new = columns.expand(len(inputs.token_ids), -1)
        again = [replace(edit, columns=all_new) for edit in edits]
        return run_traced(model, arguments, lambda: _touch(model, inputs, again, None))

    return forward if edits else run_plain


def _touch(model: Model, inputs: Inputs, edits: Sequence[Edit], reading: Reading | None) -> None:
    """Inside a trace: edit and read at every place asked for, as the forward passes them."""
    asked = set(map(attrgetter("place"), edits)) | (reading.values.keys() if reading else set())
    for place in check_places(model, list(asked)):
        hidden = activation(model, place)
        for edit in edits:
            if edit.place == place:
                old = at_columns(hidden, edit.columns)
                if place.kind == "pattern":
                    new = to_columns(edit.change(from_first(old, inputs)), inputs)
                else:
                    new = edit.change(old)
                put_at_columns(hidden, edit.columns, new)
        if reading is not None and place in reading.values:
            values = at_columns(hidden, reading.columns)
            reading.values[place] = (
                from_first(values, inputs) if place.kind == "pattern" else values
            )


def from_first(weights: Tensor, inputs: Inputs) -> Tensor:
    """[example, position, column] of a padded batch, counted from each prompt's first token."""
    return _shift(weights, inputs.n_padding)


def to_columns(weights: Tensor, inputs: Inputs) -> Tensor:
    """The way back; weights of more tokens than the batch has are cut, of fewer filled up."""
    width = inputs.token_ids.shape[1]
    missing = max(0, width - weights.shape[-1])
    return _shift(torch.nn.functional.pad(weights, (0, missing))[..., :width], -inputs.n_padding)


def _shift(weights: Tensor, by: Tensor) -> Tensor:
    """Move each row's last axis to the left by so many; zeros come in."""
    width = weights.shape[-1]
    source = torch.arange(width, device=by.device) + by[:, None]
    inside = (source >= 0) & (source < width)
    index = source.clamp(0, width - 1)[:, None].expand(weights.shape)
    return weights.gather(-1, index) * inside[:, None]
