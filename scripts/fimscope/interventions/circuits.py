"""Circuits: which edges of the residual stream's graph bring an answer about.

A prompt is run beside a corrupted one of the same tokens but for some. An edge from a writer to a
later reader is cut where the reader takes the writer's part from the corrupted run; a circuit is
the set of edges that are not cut. Path patching (Wang et al. 2211.00593, Goldowsky-Dill et al.
2304.05969) cuts exactly, one forward for each circuit. Edge attribution (Syed et al. 2310.10348)
estimates what cutting each edge alone would do, all of them in one backward: the corrupted part
minus the own, times the gradient at what the reader takes in, before its norm. With integrated
gradients (Hanna et al. 2403.17806) the gradient is a mean over embeddings on the way from the
corrupted prompt to the own one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from fimscope.errors import MisalignedError
from fimscope.inference.batch import Inputs, TokenIds, pad_batch
from fimscope.inference.forward import run_plain
from fimscope.inference.readout import unembed_normed
from fimscope.interventions.residual_graph import (
    Block,
    Projecting,
    ResidualGraph,
    first_tensor,
)
from fimscope.models.load import Model
from fimscope.models.projections import matrix_of

NUMBERS_AT_ONCE = 2**26  # of what is written and read at the tokens of a batch: 0.25 GB in float32

# (numbers of readers) -> what is added to what each takes in, [reader, example, token, d_model];
# None: nothing.
Change = Callable[[Sequence[int]], Tensor | None]
# (number of a writer, what it writes [example, token, d_model])
Keep = Callable[[int, Tensor], None]


@dataclass(frozen=True)
class EdgeAttribution:
    """Estimates for single edges, and the runs that they stand between; CPU, float32.

    effects     [example, writer, reader], the estimated change of the logit difference when the
                edge is cut; 0 where there is no edge
    difference  [example], logit of the target minus the foil's, in the prompt's own run
    corrupted   [example], the same in the corrupted run
    """

    effects: Tensor
    difference: Tensor
    corrupted: Tensor


@dataclass(frozen=True)
class CircuitRuns:
    """Logits of the targets minus the foils', on the CPU, float32.

    difference  [example, circuit], in the runs of circuits
    corrupted   [example], in the corrupted run
    """

    difference: Tensor
    corrupted: Tensor


def tokens_at_once(model: Model, graph: ResidualGraph, batch_tokens: int) -> int:
    """How many padded tokens of a batch fit in memory with all that is kept at each; 1 at least."""
    n_kept = 2 * (len(graph.writers) + len(graph.readers)) * model.d_model
    return max(1, min(batch_tokens, NUMBERS_AT_ONCE // n_kept))


def attribute_edges(
    model: Model,
    graph: ResidualGraph,
    prompts: Sequence[TokenIds],
    corrupted: Sequence[TokenIds],
    token_ids: Sequence[tuple[int, int]],
    n_steps: int = 1,
) -> EdgeAttribution:
    """What cutting each edge alone would do to each prompt's logit difference, to first order.

    corrupted   [example], of as many tokens as the prompt each
    token_ids   [example], target and foil
    n_steps     of the integral; step k of n has the corrupted embeddings plus k/n of the way to the
                prompt's own, so that one step is plain edge attribution
    raises      MisalignedError where numbers or lengths differ
    """
    pair = _aligned(model, prompts, corrupted, token_ids)
    inputs, others = pad_batch(model, prompts), pad_batch(model, corrupted)
    with torch.no_grad():
        own, difference = _writes(model, graph, inputs, pair)
        other, other_difference = _writes(model, graph, others, pair)
    gradients = 0.0
    for step in range(1, n_steps + 1):
        share = step / n_steps
        embedding = own[:, 0] if step == n_steps else torch.lerp(other[:, 0], own[:, 0], share)
        gradients = gradients + _gradients(model, graph, inputs, pair, embedding) / n_steps
    change = (other - own).flatten(2).float()
    effects = change @ gradients.flatten(2).transpose(1, 2)
    effects = (effects * graph.is_edge.to(effects.device)).cpu()
    return EdgeAttribution(effects, difference.cpu(), other_difference.cpu())


@torch.inference_mode()
def run_circuits(
    model: Model,
    graph: ResidualGraph,
    prompts: Sequence[TokenIds],
    corrupted: Sequence[TokenIds],
    token_ids: Sequence[tuple[int, int]],
    kept: Tensor,
    at_once: int | None = None,
) -> CircuitRuns:
    """The logit difference of each prompt in which all edges but a circuit's are cut.

    kept      [example, circuit, writer, reader], 1 where an edge is the circuit's and 0 where it is
              cut; between them a reader takes so much of its own run and the rest of the other
    at_once   circuits that go through the model together; default: all
    returns   with every edge kept the difference is the prompt's own, with none the corrupted run's
    raises    MisalignedError where numbers or lengths differ
    """
    pair = _aligned(model, prompts, corrupted, token_ids)
    if kept.shape[0] != len(prompts) or kept.shape[2:] != graph.is_edge.shape:
        raise MisalignedError(
            f"circuits of shape {list(kept.shape)} found; expected [{len(prompts)}, circuit, "
            f"{len(graph.writers)}, {len(graph.readers)}]"
        )
    other, other_difference = _writes(model, graph, pad_batch(model, corrupted), pair)
    found = [
        _run_cut(model, graph, prompts, pair, other, some)
        for some in kept.split(at_once or kept.shape[1], dim=1)
    ]
    return CircuitRuns(torch.cat(found, dim=1).cpu(), other_difference.cpu())


def _run_cut(
    model: Model,
    graph: ResidualGraph,
    prompts: Sequence[TokenIds],
    pair: Tensor,
    other: Tensor,
    kept: Tensor,
) -> Tensor:
    """The logit differences [example, circuit], all circuits in one forward.

    other   of `_writes`, in the corrupted run
    """
    n_circuits = kept.shape[1]
    rows = [prompt for prompt in prompts for _ in range(n_circuits)]
    # [row, reader, writer]
    cut = ((1 - kept.float()) * graph.is_edge).flatten(0, 1).transpose(1, 2)
    cut = cut.to(model.device, model.dtype)
    is_cut = cut.any(-1).any(0).tolist()
    # What each writer wrote in the corrupted run minus what it writes now.
    gaps = torch.zeros(len(rows), *other.shape[1:], device=model.device, dtype=model.dtype)

    def keep(writer: int, written: Tensor) -> None:
        gaps[:, writer] = other[:, writer].repeat_interleave(n_circuits, 0) - written

    def change(readers: Sequence[int]) -> Tensor | None:
        if not any(is_cut[reader] for reader in readers):
            return None
        n = max(graph.n_before[reader] for reader in readers)
        weights = cut[:, readers[0] : readers[-1] + 1, :n]
        summed = weights @ gaps[:, :n].flatten(2)
        return summed.unflatten(2, gaps.shape[2:]).transpose(0, 1)

    logits = _forward(model, graph, pad_batch(model, rows), change, keep)
    difference = _difference(logits, pair.repeat_interleave(n_circuits, 0))
    return difference.unflatten(0, (-1, n_circuits))


def _aligned(
    model: Model,
    prompts: Sequence[TokenIds],
    corrupted: Sequence[TokenIds],
    token_ids: Sequence[tuple[int, int]],
) -> Tensor:
    """The token ids [example, 2]; raises MisalignedError where a prompt's partner does not fit."""
    if not len(prompts) == len(corrupted) == len(token_ids):
        raise MisalignedError(
            f"{len(prompts)} prompts, {len(corrupted)} corrupted ones and {len(token_ids)} pairs "
            "of token ids; expected as many of each"
        )
    for row, (own, other) in enumerate(zip(prompts, corrupted, strict=True)):
        if len(own) != len(other):
            raise MisalignedError(
                f"prompt {row} of the batch has {len(own)} tokens and its corrupted one "
                f"{len(other)}; an edge is cut between prompts of the same length"
            )
    return torch.tensor(token_ids, device=model.device)


def _difference(logits: Tensor, pair: Tensor) -> Tensor:
    """Logit of the target minus the foil's, [example], of logits [example, vocab]."""
    target, foil = logits.gather(-1, pair).unbind(-1)
    return target - foil


def _nothing(*_: Any) -> None:
    return None


def _writes(
    model: Model, graph: ResidualGraph, inputs: Inputs, pair: Tensor
) -> tuple[Tensor, Tensor]:
    """What every writer writes, [example, writer, token, d_model], and the logit difference."""
    shape = len(inputs.token_ids), len(graph.writers), inputs.token_ids.shape[1], model.d_model
    found = torch.empty(shape, device=model.device, dtype=model.dtype)

    def keep(writer: int, written: Tensor) -> None:
        found[:, writer] = written

    logits = _forward(model, graph, inputs, _nothing, keep)
    return found, _difference(logits, pair)


def _gradients(
    model: Model, graph: ResidualGraph, inputs: Inputs, pair: Tensor, embedding: Tensor
) -> Tensor:
    """Of the logit difference at what each reader takes in, [example, reader, token, d_model].

    embedding   [example, token, d_model], what enters block 0
    """
    shape = len(inputs.token_ids), inputs.token_ids.shape[1], model.d_model
    added: list[Tensor] = []

    def change(readers: Sequence[int]) -> Tensor:
        zeros = torch.zeros(len(readers), *shape, device=model.device, dtype=model.dtype)
        added.append(zeros.requires_grad_())
        return added[-1]

    with torch.enable_grad():
        logits = _forward(model, graph, inputs, change, _nothing, embedding)
        gradients = torch.autograd.grad(_difference(logits, pair).sum(), added)
    return torch.cat(gradients).float().transpose(0, 1)


def _forward(
    model: Model,
    graph: ResidualGraph,
    inputs: Inputs,
    change: Change,
    keep: Keep,
    embedding: Tensor | None = None,
) -> Tensor:
    """Logits of the token behind each prompt, [example, vocab] float32, with hands in the graph.

    The stream itself runs on unchanged: what is added to a reader's intake is its alone.
    """
    with _hooked(model, graph, change, keep, embedding):
        normed = run_plain(model, {**inputs.forward_arguments(), "use_cache": False})
    return unembed_normed(model, normed[:, -1])


@contextmanager
def _hooked(
    model: Model,
    graph: ResidualGraph,
    change: Change,
    keep: Keep,
    embedding: Tensor | None,
) -> Iterator[None]:
    first = graph.blocks[0].whole
    handles = [_before(first, lambda taken: _embedded(taken, embedding, keep))]
    for index, block in enumerate(graph.blocks):
        handles += _hook_block(model, block, 1 + index * (model.n_heads + 1), change, keep)
    final_norm = model.network.get_submodule(model.family.final_norm)
    logits = [len(graph.readers) - 1]
    handles.append(_before(final_norm, lambda taken: _plus(taken, change(logits))[0]))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook_block(model: Model, block: Block, writer: int, change: Change, keep: Keep) -> list[Any]:
    """The hooks of one block; `writer` is the number of its first head."""
    stream: dict[str, Tensor | None] = {}

    def keep_here(number: int, written: Tensor) -> None:
        keep(number, written.detach().to(model.device))

    def enter(taken: Tensor) -> None:
        stream["entered"] = taken
        added = change(block.attention_readers)
        # One norm for all of the block's readers.
        stream["attention"] = None if added is None else block.attention_norm(_plus(taken, added))

    def write_heads(taken: Tensor) -> None:
        weights = matrix_of(block.head_mixer)
        for head in range(model.n_heads):
            own = slice(head * model.d_head, (head + 1) * model.d_head)
            keep_here(writer + head, linear(taken[..., own], weights[:, own]))

    def leave_attention(_: nn.Module, __: Any, output: Any) -> None:
        stream["attended"] = stream["entered"] + first_tensor(output)

    def enter_mlp(_: Tensor) -> Tensor | None:
        added = change([block.mlp_reader])
        read = stream["entered" if block.is_parallel else "attended"]
        return None if added is None else block.mlp_norm(_plus(read, added)[0])

    def leave_mlp(_: nn.Module, __: Any, output: Any) -> None:
        keep_here(writer + model.n_heads, first_tensor(output))

    def project(projecting: Projecting) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
            if stream["attention"] is None:
                return None
            return _projected(projecting, stream["attention"], block.attention_readers[0], output)

        return projecting.module.register_forward_hook(hook)

    return [
        _before(block.whole, enter),
        *(project(own) for own in block.projections),
        _before(block.head_mixer, write_heads),
        block.attention.register_forward_hook(leave_attention),
        _before(block.mlp, enter_mlp),
        block.mlp.register_forward_hook(leave_mlp),
    ]


def _projected(projecting: Projecting, normed: Tensor, first: int, output: Tensor) -> Tensor:
    """The layer's output in which each reader's columns are of its own intake.

    normed   [reader, example, token, d_model], of the block's readers from number `first`
    """
    weights, bias = matrix_of(projecting.module), projecting.module.bias
    found = torch.empty_like(output)
    for reader, columns in zip(projecting.readers, projecting.columns, strict=True):
        own_bias = None if bias is None else bias[columns]
        found[..., columns] = linear(normed[reader - first], weights[columns], own_bias)
    return found


def _embedded(taken: Tensor, embedding: Tensor | None, keep: Keep) -> Tensor | None:
    keep(0, (taken if embedding is None else embedding).detach())
    return embedding


def _plus(taken: Tensor, added: Tensor | None) -> Tensor:
    """[reader, example, token, d_model] of a stream [example, token, d_model]."""
    return taken[None] if added is None else taken + added.to(taken.device)


def _before(module: nn.Module, touch: Callable[[Tensor], Tensor | None]) -> Any:
    """A hook on what a module takes, wherever its caller puts it; None leaves that as it is."""

    def hook(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if args:
            new = touch(args[0])
            return None if new is None else ((new, *args[1:]), named)
        name = next(name for name, value in named.items() if isinstance(value, Tensor))
        new = touch(named[name])
        return None if new is None else (args, {**named, name: new})

    return module.register_forward_pre_hook(hook, with_kwargs=True)
