"""The logit lens: what the model would say if the stream ended at each point.

The residual stream of every point goes through the final norm and the unembedding
(nostalgebraist, "interpreting GPT: the logit lens", 2020). At the last point this is the model's
own distribution.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.forward import Arguments, run_traced
from fimscope.inference.generate import Completion, continue_past, cut_at_stops
from fimscope.inference.kv_cache import fill_past
from fimscope.inference.positions import check_points, token_indices
from fimscope.inference.readout import (
    LOGITS_AT_ONCE,
    first_best,
    rank_of,
    top_of,
    unembed,
    unembed_normed,
)
from fimscope.inference.residuals import at_columns, token_columns
from fimscope.models.load import Model


@dataclass(frozen=True)
class Lens:
    """The distributions of a lens, on the CPU; logarithms are natural.

    top_ids       [point, example, position, top] int64, best first
    top_logprobs  [point, example, position, top] float32
    rank          [point, example, position, asked] int64, of the tokens asked for; 0 is first
    logprob       [point, example, position, asked] float32, of those tokens
    final_rank    [point, example, position] int64, of the token that is first at the last point
    entropy       [point, example, position] float32, nats
    divergence    [point, example, position] float32, nats: Kullback-Leibler divergence of this
                  distribution from the final one, KL(final || point)
    """

    top_ids: Tensor
    top_logprobs: Tensor
    rank: Tensor
    logprob: Tensor
    final_rank: Tensor
    entropy: Tensor
    divergence: Tensor


@torch.inference_mode()
def logit_lens(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    token_ids: Sequence[Sequence[int]],
    points: Sequence[int] | None = None,
    n_top: int = 10,
) -> Lens:
    """The lens at some tokens of each prompt.

    positions  [example, position], token index in the prompt; -1 is the last
    token_ids  [example, asked], tokens whose ranks are asked for at each of the prompt's positions
    points     ascending; default: all, 0..L
    raises     MisalignedError where a prompt lacks a position, or their numbers differ
    """
    if len(token_ids) != len(prompts):
        raise MisalignedError(f"{len(token_ids)} token ids for {len(prompts)} prompts")
    points = check_points(model.n_blocks, points)
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, positions))
    with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
        found = torch.stack([at_columns(model.residual(point), columns) for point in points]).save()
        final = at_columns(model.residual(model.n_blocks), columns).save()
        tracer.stop()
    asked = torch.tensor([list(ids) for ids in token_ids], device=model.device)
    wanted = asked[:, None].expand(*columns.shape, -1)
    return lens_of(model, found, final, wanted, n_top)


@torch.inference_mode()
def logit_lens_generated(
    model: Model,
    prompts: Sequence[TokenIds],
    max_new_tokens: int,
    stop_ids: Collection[int],
    n_top: int = 10,
) -> tuple[Lens, list[Completion]]:
    """The lens at every point where each token of the greedy completion is decided.

    returns  the lens, whose position axis counts generated tokens and whose one asked-for token is
             the generated one; and the completions. Behind a row's stop token the lens goes on and
             means nothing
    """
    found: list[Tensor] = []

    def forward(model: Model, arguments: Arguments) -> Tensor:
        def keep() -> None:
            points = [model.residual(point)[:, -1] for point in range(model.n_points)]
            found.append(torch.stack([values.to(model.device) for values in points]))

        return run_traced(model, arguments, keep)

    past, hidden = fill_past(model, pad_batch(model, prompts), forward)
    logits = unembed_normed(model, hidden)[:, None]
    tokens = continue_past(model, past, logits, first_best, max_new_tokens, stop_ids, forward)
    residuals = torch.stack(found[: tokens.shape[2]], dim=2)
    lens = lens_of(model, residuals, residuals[-1], tokens[:, 0, :, None], n_top)
    return lens, [completion for (completion,) in cut_at_stops(tokens, stop_ids)]


@torch.inference_mode()
def lens_of(
    model: Model, residuals: Tensor, final: Tensor, token_ids: Tensor, n_top: int = 10
) -> Lens:
    """The lens of residuals that were read before: no forward, some rows of a point at a time.

    residuals  [point, example, position, d_model], the model's dtype
    final      [example, position, d_model], those of the last point
    token_ids  [example, position, asked] int64, tokens whose ranks are asked for
    """
    residuals, final = residuals.to(model.device), final.to(model.device)
    shape = token_ids.shape[:2]
    final, token_ids = final.flatten(0, 1), token_ids.flatten(0, 1).to(model.device)
    step = max(1, LOGITS_AT_ONCE // model.vocab_size)
    chunks = []
    for start in range(0, max(1, len(token_ids)), step):
        rows = slice(start, start + step)
        last = unembed(model, final[rows]).log_softmax(-1)
        chances, first = last.exp(), first_best(last)
        each = [
            _row_lens(logits, token_ids[rows], first, last, chances, n_top)
            for logits in (unembed(model, own.flatten(0, 1)[rows]) for own in residuals)
        ]
        chunks.append(_join(lambda tensors: torch.stack(tensors).cpu(), each))
    joined = _join(partial(torch.cat, dim=1), chunks)
    return Lens(*(getattr(joined, f.name).unflatten(1, shape) for f in fields(Lens)))


def _join(function: Callable[[list[Tensor]], Tensor], lenses: Sequence[Lens]) -> Lens:
    return Lens(*(function([getattr(lens, f.name) for lens in lenses]) for f in fields(Lens)))


def _row_lens(
    logits: Tensor, token_ids: Tensor, first: Tensor, last: Tensor, chances: Tensor, n_top: int
) -> Lens:
    """The lens of some rows at one point.

    first, last, chances   of the last point: its first token [row], its log-probabilities and its
                           probabilities [row, vocab]
    """
    logprobs = logits.log_softmax(-1)
    top_ids, top_logprobs = top_of(logprobs, min(n_top, logits.shape[-1]))
    return Lens(
        top_ids=top_ids,
        top_logprobs=top_logprobs,
        rank=torch.stack([rank_of(logits, asked) for asked in token_ids.T], dim=-1),
        logprob=logprobs.gather(-1, token_ids),
        final_rank=rank_of(logits, first),
        entropy=-(logprobs.exp() * logprobs).sum(-1),
        divergence=(chances * (last - logprobs)).sum(-1),
    )
