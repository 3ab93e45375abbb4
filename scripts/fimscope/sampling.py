"""Many samples of each prompt's completion, over one cache of the prompt, and pass@k of them."""

from collections.abc import Collection, Sequence
from math import prod

import torch
from torch import Tensor

from fimscope.batch import TokenIds, pad_batch
from fimscope.cache import fill_past
from fimscope.errors import MisalignedError, UserError
from fimscope.generate import Completion, continue_past, cut_at_stops
from fimscope.models.load import Model
from fimscope.readout import unembed_normed

FIRST_CANDIDATES = 256  # of the nucleus; more are sorted where these do not hold its share


@torch.inference_mode()
def sample(
    model: Model,
    prompts: Sequence[TokenIds],
    seeds: Sequence[int],
    n_samples: int,
    max_new_tokens: int,
    stop_ids: Collection[int],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[list[Completion]]:
    """Completions drawn from the model, [example][sample].

    seeds        one a prompt: its samples are the same in any batch, up to rounding
    temperature  divides the logits; above 0
    top_p        draws from the likeliest tokens that together have this probability; in (0, 1]

    All samples of a prompt go through the model as one packed row over the prompt's own cache.
    """
    if len(seeds) != len(prompts):
        raise MisalignedError(f"{len(seeds)} seeds for {len(prompts)} prompts")
    if temperature <= 0 or not 0 < top_p <= 1:
        raise UserError(
            f"temperature {temperature} and top_p {top_p} found; expected a temperature above 0 "
            "and a top_p in (0, 1]. For the likeliest tokens ask for an answer, not for samples"
        )
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def choose(logits: Tensor) -> Tensor:
        # Drawn on the CPU, so that every device gets the same numbers.
        uniform = torch.stack([torch.rand(n_samples, generator=g) for g in generators])
        return draw((logits / temperature).softmax(-1), uniform.to(logits.device), top_p)

    past, hidden = fill_past(model, pad_batch(model, prompts))
    logits = unembed_normed(model, hidden)[:, None].expand(-1, n_samples, -1)
    tokens = continue_past(model, past, logits, choose, max_new_tokens, stop_ids)
    return cut_at_stops(tokens, stop_ids)


def draw(probabilities: Tensor, uniform: Tensor, top_p: float) -> Tensor:
    """Token ids by inversion: the first whose cumulative probability exceeds a uniform number.

    probabilities  [..., vocab]
    uniform        [...] in [0, 1)
    returns        [...] int64

    Below 1, top_p keeps the smallest set of likeliest tokens that has that probability
    (nucleus sampling, Holtzman et al. 2020).
    """
    if top_p == 1:
        return _invert(probabilities.double().cumsum(-1), uniform)
    n = min(FIRST_CANDIDATES, probabilities.shape[-1])
    while True:
        best = probabilities.topk(n, dim=-1)
        cumulative = best.values.double().cumsum(-1)
        if n == probabilities.shape[-1] or bool((cumulative[..., -1] >= top_p).all()):
            break
        n = min(8 * n, probabilities.shape[-1])
    kept = (cumulative - best.values) < top_p
    nucleus = torch.where(kept, best.values, 0).double().cumsum(-1)
    return best.indices.gather(-1, _invert(nucleus, uniform)[..., None])[..., 0]


def _invert(cumulative: Tensor, uniform: Tensor) -> Tensor:
    target = uniform.double() * cumulative[..., -1]
    index = torch.searchsorted(cumulative, target[..., None].contiguous(), right=True)[..., 0]
    return index.clamp(max=cumulative.shape[-1] - 1)


def pass_at_k(n: int, n_correct: int, k: int) -> float:
    """The chance that one of k samples is right, unbiased, from n of which n_correct are right.

    1 - C(n - n_correct, k) / C(n, k) (Chen et al., "Evaluating Large Language Models Trained on
    Code", 2021), as a product that does not overflow.
    """
    if not 0 <= n_correct <= n or not 1 <= k <= n:
        raise UserError(f"pass@{k} of {n_correct} right among {n}: expected 1 <= k <= n samples")
    if n - n_correct < k:
        return 1.0
    return 1.0 - prod(1 - k / i for i in range(n - n_correct + 1, n + 1))
