"""Many samples of each prompt's completion, over one cache of the prompt."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.branches import Branches
from fimscope.inference.forward import run_plain
from fimscope.inference.generate import Completion, cut_at_stops
from fimscope.inference.kv_cache import fill_past, packed_masks
from fimscope.inference.readout import unembed_normed
from fimscope.models.load import Model

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

    All samples of a prompt go through the model as one packed row over the prompt's own cache, and
    samples that have begun alike as one branch of it: they share all keys and values until they
    part.
    """
    if len(seeds) != len(prompts):
        raise MisalignedError(f"{len(seeds)} seeds for {len(prompts)} prompts")
    if temperature <= 0 or not 0 < top_p <= 1:
        raise UserError(
            f"temperature {temperature} and top_p {top_p} found; expected a temperature above 0 "
            "and a top_p in (0, 1]. For the likeliest tokens ask for an answer, not for samples"
        )
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    past, hidden = fill_past(model, pad_batch(model, prompts))
    hidden = hidden[:, None]  # [example, branch, d_model]
    branches = Branches.start(len(prompts), n_samples, stop_ids)
    room = min(max_new_tokens, model.max_tokens - past.mask.shape[1])
    keys = past.positions[:, :0]
    for n_new in range(1, room + 1):
        probabilities = (unembed_normed(model, hidden) / temperature).softmax(-1)
        # Drawn on the CPU, so that every device gets the same numbers.
        uniform = torch.stack([torch.rand(n_samples, generator=g) for g in generators])
        of_sample, uniform = branches.of_sample.to(model.device), uniform.to(model.device)
        branches.grow(draw_shared(probabilities, of_sample, uniform, top_p).cpu())
        if n_new == room or not branches.alive.any():
            break
        queries = (past.positions[:, -1:] + n_new).expand(-1, branches.n_branches)
        keys = torch.cat([keys, queries], dim=1)
        sees = branches.sees.to(model.device)
        hidden = run_plain(
            model,
            {
                "input_ids": branches.token_ids.to(model.device),
                "position_ids": queries,
                "attention_mask": packed_masks(model, past, past.mask, sees, queries, keys),
                "past_key_values": past.cache,
                "use_cache": True,
            },
        )
    return cut_at_stops(branches.tokens(), stop_ids)


def draw(probabilities: Tensor, uniform: Tensor, top_p: float) -> Tensor:
    """Token ids by inversion: the first whose cumulative probability exceeds a uniform number.

    probabilities  [..., vocab]
    uniform        [...] in [0, 1)
    returns        [...] int64

    Below 1, top_p keeps the smallest set of likeliest tokens that has that probability
    (nucleus sampling, Holtzman et al. 2020).
    """
    shape = uniform.shape
    own = torch.arange(uniform.numel(), device=uniform.device)[None]
    flat = probabilities.reshape(1, -1, probabilities.shape[-1])
    return draw_shared(flat, own, uniform.reshape(1, -1), top_p).reshape(shape)


def draw_shared(probabilities: Tensor, rows: Tensor, uniform: Tensor, top_p: float) -> Tensor:
    """As `draw`, where several draws share one row of probabilities.

    probabilities  [example, row, vocab]
    rows           [example, draw] int64, the row from which each is drawn
    uniform        [example, draw] in [0, 1)
    returns        [example, draw] int64
    """
    if top_p == 1:
        return _invert(_rows_of(probabilities.double().cumsum(-1), rows), uniform)
    n = min(FIRST_CANDIDATES, probabilities.shape[-1])
    while True:
        best = probabilities.topk(n, dim=-1)
        cumulative = best.values.double().cumsum(-1)
        if n == probabilities.shape[-1] or bool((cumulative[..., -1] >= top_p).all()):
            break
        n = min(8 * n, probabilities.shape[-1])
    kept = (cumulative - best.values) < top_p
    nucleus = torch.where(kept, best.values, 0).double().cumsum(-1)
    places = _invert(_rows_of(nucleus, rows), uniform)
    return _rows_of(best.indices, rows).gather(-1, places[..., None])[..., 0]


def _rows_of(values: Tensor, rows: Tensor) -> Tensor:
    """[example, row, width] at [example, draw]: [example, draw, width]."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))


def _invert(cumulative: Tensor, uniform: Tensor) -> Tensor:
    target = uniform.double() * cumulative[..., -1]
    index = torch.searchsorted(cumulative, target[..., None].contiguous(), right=True)[..., 0]
    return index.clamp(max=cumulative.shape[-1] - 1)
