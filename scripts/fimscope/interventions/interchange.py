"""Subspaces that are learned by interchange: distributed alignment search (DAS).

After Geiger et al. 2023 (arXiv 2303.02536). A recipient's residual at its last token takes the
donor's values in a subspace, h + QQ'(d - h), and the blocks behind the point run on; Q is learned,
orthonormal, so that the answer becomes the donor's. The tokens before the last are as they were:
their keys and values are cached once, and each step runs the last token through the later blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import TokenIds
from fimscope.inference.forward import run_traced
from fimscope.inference.kv_cache import packed_masks, past_of
from fimscope.inference.readout import unembed_normed
from fimscope.models.load import Model

RATE = 0.1  # of Adam, for a matrix of standard normal numbers at the start
LOOK_EVERY = 10  # steps


@dataclass(frozen=True)
class Pairs:
    """What is interchanged, at one point.

    prompts     [pair], of the recipients
    recipients  [pair, d_model], their residuals at their last tokens; donors likewise
    targets     [pair] int64, the token that each should answer with: its donor's
    """

    prompts: Sequence[TokenIds]
    recipients: Tensor
    donors: Tensor
    targets: Tensor


@dataclass(frozen=True)
class LearnedSubspace:
    """The subspace of the step at which the held-out loss was least.

    basis   [d_model, rank] float32, orthonormal, on the CPU
    step    that step; 0 is the random start
    losses  [look] float32, mean cross entropy of the held-out targets in nats, every LOOK_EVERY
            steps from the start
    """

    basis: Tensor
    step: int
    losses: Tensor


class Interchange:
    """Some pairs that go through the model together, from a point on."""

    def __init__(self, model: Model, pairs: Pairs, point: int):
        """point   1..L: what enters the blocks is the same at the last tokens of all prompts

        raises   MisalignedError where the pairs' parts differ in number, UserError of point 0
        """
        counts = {len(pairs.prompts), *map(len, (pairs.recipients, pairs.donors, pairs.targets))}
        if len(counts) != 1:
            raise MisalignedError(
                f"prompts, recipients, donors and targets of {sorted(counts)} pairs; expected as "
                "many of each"
            )
        if not 0 < point <= model.n_blocks:
            raise UserError(f"point: {point} found, 1 to {model.n_blocks} expected")
        self.model, self.point = model, point
        self.n_pairs = counts.pop()
        device = model.device
        self._recipients = pairs.recipients.float().to(device)
        self._change = pairs.donors.float().to(device) - self._recipients
        self._targets = pairs.targets.to(device)
        self._token_ids = torch.tensor([[prompt[-1]] for prompt in pairs.prompts], device=device)
        lengths = [[len(prompt) - 1] for prompt in pairs.prompts]
        self._positions = torch.tensor(lengths, device=device)
        with torch.no_grad():
            self._past = past_of(model, [prompt[:-1] for prompt in pairs.prompts])
        # The blocks before the point are left out, and what they have cached with them.
        for layer in self._past.key_values.layers[:point]:
            layer.keys, layer.values = layer.keys[:, :, :0], layer.values[:, :, :0]
        self._held = [(layer.keys, layer.values) for layer in self._past.key_values.layers]

    def logits(self, basis: Tensor) -> Tensor:
        """[pair, vocab] float32 of the recipients with their donors' values in a subspace.

        basis   [d_model, rank], orthonormal; gradients flow back to it
        """
        values = self._recipients + self._change @ basis @ basis.T
        entering = values.to(self.model.dtype)[:, None]
        past, own = self._past, torch.ones(1, 1, dtype=torch.bool, device=self.model.device)
        positions = self._positions
        normed = run_traced(
            self.model,
            {
                "input_ids": self._token_ids,
                "position_ids": positions,
                "attention_mask": packed_masks(
                    self.model, past, past.mask, own, positions, positions
                ),
                "past_key_values": past.key_values,
                "use_cache": True,
            },
            partial(self.model.begin_at, self.point, entering),
        )
        for layer, (keys, values) in zip(past.key_values.layers, self._held, strict=True):
            layer.keys, layer.values = keys, values
        return unembed_normed(self.model, normed[:, -1])

    def loss(self, basis: Tensor) -> Tensor:
        """Mean cross entropy of the targets, in nats."""
        return cross_entropy(self.logits(basis), self._targets)


def learn_subspace(
    fit: Sequence[Interchange],
    held_out: Sequence[Interchange],
    rank: int,
    n_steps: int,
    seed: int,
) -> LearnedSubspace:
    """The subspace of some rank whose interchange gives the donors' answers.

    fit       one or more; each step takes one of them, in turn
    held_out  by which the step is chosen; one or more

    The basis is the Q of a QR decomposition of a free matrix, random at the start, which Adam moves
    (Kingma & Ba 1412.6980). All draws come from the seed.
    """
    model = fit[0].model
    generator = torch.Generator().manual_seed(seed)
    free = torch.randn(model.d_model, rank, generator=generator).to(model.device).requires_grad_()
    optimiser = torch.optim.Adam([free], lr=RATE)
    n_held_out = sum(own.n_pairs for own in held_out)
    losses: list[float] = []
    best, chosen = torch.empty(0), 0
    for step in range(n_steps + 1):
        if step % LOOK_EVERY == 0 or step == n_steps:
            with torch.no_grad():
                basis = torch.linalg.qr(free).Q
                losses.append(
                    sum(own.loss(basis).item() * own.n_pairs for own in held_out) / n_held_out
                )
            if losses[-1] == min(losses):
                best, chosen = basis.cpu(), step
        if step < n_steps:
            optimiser.zero_grad()
            with torch.enable_grad():
                fit[step % len(fit)].loss(torch.linalg.qr(free).Q).backward()
            optimiser.step()
    return LearnedSubspace(best, chosen, torch.tensor(losses))
