"""Muon for the blocks' matrices, AdamW for all else, and the schedule of both."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.training.network import MATRICES

MOMENTUM = 0.95
BETA1, BETA2, EPSILON = 0.9, 0.98, 1e-10
# A quintic that drives singular values towards 1 (Jordan et al. 2024, Muon, section on
# Newton-Schulz coefficients).
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5


@dataclass(frozen=True)
class Rates:
    """Highest learning rates, the decay of the matrices, and the shape of the schedule in steps.

    decay   share of the rate by which Muon's matrices shrink at every step. Without it they grow
            until attention sees one token only (no norm of queries and keys bounds it here)
    """

    muon: float
    adamw: float
    decay: float
    warmup_steps: int
    steady_until: int
    steps: int

    def at(self, step: int) -> float:
        """The share of the highest rate: rises, stays, and falls in a line to 0 at the end."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if step < self.steady_until:
            return 1.0
        return (self.steps - step) / (self.steps - self.steady_until)


class Optimiser:
    """Updates parameters in place; its state is a dict of tensors, saved with a checkpoint."""

    def __init__(self, parameters: Mapping[str, Tensor], rates: Rates):
        self.parameters, self.rates = parameters, rates
        self.state: dict[str, Tensor] = {}
        for name, value in parameters.items():
            self.state[f"{name}.momentum"] = torch.zeros_like(value)
            if name not in MATRICES:
                self.state[f"{name}.square"] = torch.zeros_like(value)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """One update from the gradients; step counts from 0."""
        share = self.rates.at(step)
        for name, value in self.parameters.items():
            if name in MATRICES:
                self._muon(name, value, share * self.rates.muon)
            else:
                self._adamw(name, value, share * self.rates.adamw, step)

    def _muon(self, name: str, value: Tensor, rate: float) -> None:
        momentum = self.state[f"{name}.momentum"].lerp_(value.grad, 1 - MOMENTUM)
        direction = orthogonal(value.grad.lerp(momentum, MOMENTUM))
        n_rows, n_columns = value.shape[-2:]
        value.mul_(1 - rate * self.rates.decay)
        value.add_(direction, alpha=-rate * max(1.0, n_rows / n_columns) ** 0.5)

    def _adamw(self, name: str, value: Tensor, rate: float, step: int) -> None:
        momentum = self.state[f"{name}.momentum"].lerp_(value.grad, 1 - BETA1)
        square = self.state[f"{name}.square"].lerp_(value.grad.square(), 1 - BETA2)
        mean = momentum / (1 - BETA1 ** (step + 1))
        deviation = (square / (1 - BETA2 ** (step + 1))).sqrt_().add_(EPSILON)
        value.addcdiv_(mean, deviation, value=-rate)


def orthogonal(matrices: Tensor) -> Tensor:
    """[matrix, row, column] -> matrices with the same singular vectors, all values near 1."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).bfloat16()
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = A * x + (B * square + C * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)
