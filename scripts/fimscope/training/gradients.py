"""The gradients of a batch; on a GPU recorded once for each shape of a batch and replayed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.training.network import Shape, weighted_loss

DTYPE = torch.bfloat16
# Widths that are recorded: a batch is padded to the next one.
WIDTHS = 64
WARM_UP = 3  # runs before a recording, in which libraries set themselves up


@dataclass(frozen=True)
class Recording:
    """A recorded run: what is written before a replay, and what is read after it."""

    graph: "torch.cuda.CUDAGraph"
    ids: Tensor
    weights: Tensor
    loss: Tensor
    gradients: dict[str, Tensor]


class Gradients:
    """The loss of batches and its gradients, on the parameters' device.

    A step of a small network is some 1500 kernels, each of which a GPU has done before the next
    one is launched. A recorded graph (torch.cuda.CUDAGraph) launches them all at once.
    """

    def __init__(self, parameters: Mapping[str, Tensor], shape: Shape):
        self.parameters, self.shape = parameters, shape
        self.device = parameters["wte.weight"].device
        self.recordings: dict[tuple[int, int], Recording] = {}

    def __call__(self, ids: Tensor, weights: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss, and by name of a parameter its gradient.

        ids, weights   [sequence, token], on the CPU
        The gradients are good until the next call.
        """
        if self.device.type != "cuda":
            return self.plain(ids.to(self.device), weights.to(self.device))
        n_sequences, width = ids.shape
        padding = (0, -width % WIDTHS)
        size = (n_sequences, width + padding[1])
        if size not in self.recordings:
            self.recordings[size] = self.record(size)
        recording = self.recordings[size]
        for place, values in ((recording.ids, ids), (recording.weights, weights)):
            place.copy_(torch.nn.functional.pad(values, padding).pin_memory(), non_blocking=True)
        recording.graph.replay()
        return recording.loss.clone(), recording.gradients

    def plain(self, ids: Tensor, weights: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The same, of tensors on the device, without a recording."""
        loss = weighted_loss(self.parameters, self.shape, ids, weights, DTYPE)
        gradients = torch.autograd.grad(loss, list(self.parameters.values()))
        return loss.detach(), dict(zip(self.parameters, gradients, strict=True))

    def record(self, size: tuple[int, int]) -> Recording:
        """A recording for batches of [sequence, token] of that size."""
        ids = torch.zeros(size, dtype=torch.long, device=self.device)
        weights = torch.ones(size, device=self.device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.plain(ids, weights)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss, gradients = self.plain(ids, weights)
        return Recording(graph, ids, weights, loss, gradients)
