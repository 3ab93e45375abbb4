"""The core on a pretended device and on the CPU: what it gives must be the same.

A program of its own: the device stays known to a process that has made it.
"""

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass

import torch
from torch import Tensor

from fimscope.inference.attention import attention_patterns
from fimscope.inference.generate import answer
from fimscope.inference.lens import logit_lens
from fimscope.inference.prefill import prefill
from fimscope.inference.residuals import collect, collect_with_logits
from fimscope.inference.sampling import sample
from fimscope.interventions.addition import divergence_added, sweep_added, sweep_added_ragged
from fimscope.interventions.branches import Branch, answer_branches
from fimscope.interventions.circuits import attribute_edges
from fimscope.interventions.knockout import answer_without
from fimscope.interventions.residual_graph import residual_graph
from fimscope.interventions.sweep import sweep, sweep_last
from fimscope.models.families import FAMILIES
from fimscope.models.load import Model, wrap_network
from models import random_network, random_prompts
from pretend_device import PRETEND, pretend_device, put_network

LENGTHS = (9, 17, 12)
PROMPTS, OTHERS = random_prompts(LENGTHS), random_prompts(LENGTHS, 1)
LAST, EARLY, GOLDS = [[-1]] * 3, [[2]] * 3, [4, 5, 6]
IDS = torch.tensor([[4, 9]] * 3)
BRANCHES = [Branch(0, PROMPTS[0]), Branch(1, PROMPTS[1], [2, 3]), Branch(1, PROMPTS[1][:9])]


def donors(model: Model, n_points: int) -> Tensor:
    shape = (n_points, 3, 2, model.d_model)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def added(model: Model) -> list[list[dict[int, Tensor]]]:
    """Of each prompt two copies, which are added to at points of their own."""
    first, second = donors(model, 3), donors(model, 2)
    return [
        [{point: first[point, row, 0] for point in (0, 2)}, {1: second[1, row, 1]}]
        for row in range(3)
    ]


WORK: dict[str, Callable[[Model], object]] = {
    "collect": lambda m: collect(m, PROMPTS, LAST),
    "collect_with_logits": lambda m: collect_with_logits(m, PROMPTS, LAST, IDS.tolist()),
    "answer": lambda m: answer(m, PROMPTS, GOLDS, 10, {3}),
    "logit_lens": lambda m: logit_lens(m, PROMPTS, LAST, IDS.tolist()),
    "sample": lambda m: sample(m, PROMPTS, [1, 2, 3], 4, 5, {3}, top_p=0.9),
    "attention_patterns": lambda m: attention_patterns(m, PROMPTS, LAST, [(0, 1), (2, 0)]),
    "prefill": lambda m: prefill(m, PROMPTS, LAST, patterns=True).patterns,
    "heads": lambda m: prefill(m, PROMPTS, LAST, heads=True).heads,
    "sweep_last": lambda m: sweep_last(m, PROMPTS, donors(m, m.n_points), IDS),
    "sweep": lambda m: sweep(m, PROMPTS, EARLY, [[0, 1]], donors(m, 2)[:, :, :, None], IDS),
    "sweep_added": lambda m: sweep_added(m, PROMPTS, [[1], [0, 1]], donors(m, 2), IDS),
    "divergence_added": lambda m: divergence_added(m, PROMPTS, added(m)),
    "sweep_added_ragged": lambda m: sweep_added_ragged(m, PROMPTS, added(m), IDS),
    "attribution": lambda m: attribute_edges(m, residual_graph(m), PROMPTS, OTHERS, IDS.tolist()),
    "knockout": lambda m: answer_without(m, PROMPTS, [[1], [0, 4], []], "later", GOLDS, 3, {3}),
    "branches": lambda m: answer_branches(m, PROMPTS, BRANCHES, GOLDS, 3, {3}),
}


def leaves(result: object) -> Iterator[object]:
    if isinstance(result, list | tuple):
        for part in result:
            yield from leaves(part)
    elif is_dataclass(result):
        yield from leaves(list(vars(result).values()))
    else:
        yield result.cpu() if isinstance(result, Tensor) else result


def main() -> None:
    network = random_network("gpt_bigcode")
    family = FAMILIES["gpt_bigcode"]
    whole = wrap_network(random_network("gpt_bigcode"), family)
    with pretend_device():
        put_network(network)
        there = wrap_network(network, family)
        assert there.device == PRETEND, f"the network was moved to {there.device}"
        for name, work in WORK.items():
            for one, other in zip(leaves(work(there)), leaves(work(whole)), strict=True):
                close = (
                    torch.allclose(one, other, rtol=0, atol=1e-5)  # attribution goes another way
                    if isinstance(one, Tensor)
                    else one == other
                )
                assert close, name


if __name__ == "__main__":
    main()
