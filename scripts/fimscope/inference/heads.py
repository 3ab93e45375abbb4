"""What single attention heads give at chosen tokens, before the projection that adds them up."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fimscope.inference.residuals import at_columns
from fimscope.models.load import Model
from fimscope.models.projections import matrix_of

FITS = 0.02  # of what attention adds: half precision rounds to 0.4%


@dataclass(frozen=True)
class Mixing:
    """How a block's heads become what its attention adds to the residual stream.

    weights   [d_model, head, d_head], of the projection
    bias      [d_model], of the projection, if it has one
    norm      behind it, as Gemma 2 has one
    """

    weights: Tensor
    bias: Tensor | None
    norm: nn.Module | None

    def mixed(self, heads: Tensor) -> Tensor:
        """[..., head, d_head] as the projection gives it, [..., d_model], in front of the norm."""
        given = torch.einsum("...hk,dhk->...d", heads, self.weights)
        return given if self.bias is None else given + self.bias


def mixing_of(model: Model, block: int) -> Mixing | None:
    """None where the projection does not read n_heads times d_head numbers, or is not in memory."""
    family = model.family
    inside = model.network.get_submodule(f"{family.blocks}.{block}")
    projection = inside.get_submodule(family.head_mixer)
    weights = matrix_of(projection)
    if weights.is_meta or weights.shape[1] != model.n_heads * model.d_head:
        return None
    has_norm = family.attention_output != family.attention
    return Mixing(
        weights.unflatten(1, (model.n_heads, model.d_head)),
        getattr(projection, "bias", None),
        inside.get_submodule(family.attention_output) if has_norm else None,
    )


@dataclass(frozen=True)
class Watched:
    """What one forward has given at the tokens, block by block: what the projection takes,
    [example, position, n_heads * d_head], and what attention adds, [example, position, d_model].
    """

    taken: list[Tensor] = field(default_factory=list)
    added: list[Tensor] = field(default_factory=list)

    def heads(self, model: Model) -> Tensor:
        """What each head gives at the first of the tokens, [block, example, head, d_head].

        NaN in a block whose heads, through its projection, are not what its attention adds.
        """
        shape = (len(self.taken[0]), model.n_heads, model.d_head)
        found = self.taken[0].new_full((model.n_blocks, *shape), torch.nan)
        if len(self.taken) == len(self.added) == model.n_blocks:
            for block, (taken, added) in enumerate(zip(self.taken, self.added, strict=True)):
                mixing = mixing_of(model, block)
                if mixing and _fits(mixing, heads := taken[:, 0].view(shape), added[:, 0]):
                    found[block] = heads
        return found


def _fits(mixing: Mixing, heads: Tensor, added: Tensor) -> bool:
    device = mixing.weights.device
    given = mixing.mixed(heads.to(device))
    if mixing.norm is not None:
        given = mixing.norm(given)
    given, added = given.double().cpu(), added.double().cpu()
    return bool((given - added).norm() <= FITS * added.norm())


@contextmanager
def watch_heads(model: Model, columns: Tensor) -> Iterator[Watched]:
    """Gives what one forward of whole prompts within it fills.

    columns  [example, position] int64, of the tokens in the padded batch
    """
    watched, family = Watched(), model.family

    def take(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        [given, *_] = (*inputs, *named.values())
        watched.taken.append(at_columns(given, columns))

    def add(_: nn.Module, __: tuple[Any, ...], given: Any) -> None:
        given = given[0] if isinstance(given, tuple) else given
        watched.added.append(at_columns(given, columns))

    with ExitStack() as hooks:
        for inside in model.network.get_submodule(family.blocks):
            mixer = inside.get_submodule(family.head_mixer)
            output = inside.get_submodule(family.attention_output)
            hooks.enter_context(_removed(mixer.register_forward_pre_hook(take, with_kwargs=True)))
            hooks.enter_context(_removed(output.register_forward_hook(add)))
        yield watched


@contextmanager
def _removed(hook: Any) -> Iterator[None]:
    try:
        yield
    finally:
        hook.remove()
