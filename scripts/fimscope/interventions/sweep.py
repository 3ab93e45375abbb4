"""Patch sweeps: every point and donor of a recipient for about the price of asking it once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.kv_cache import past_of
from fimscope.inference.positions import check_points, token_indices
from fimscope.inference.readout import Readout, join_readouts, read_out, unembed, unembed_normed
from fimscope.inference.residuals import token_columns
from fimscope.interventions.packed import Write, suffix_of
from fimscope.interventions.passes import DEFAULT_MEMORY, run_patches, unpack_copies
from fimscope.models.load import Model

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sweep:
    """Readouts of every patch, and of the recipients without one from the same packed rows."""

    patched: Readout
    baseline: Readout


@dataclass(frozen=True)
class WantedSweep:
    """A sweep, and the tokens whose logits it has, [example, token_id] int64."""

    wanted: Tensor
    sweep: Sweep


@torch.inference_mode()
def sweep_last(
    model: Model,
    prompts: Sequence[TokenIds],
    donors: Tensor,
    token_ids: Tensor,
    points: Sequence[int] | None = None,
    memory: int = DEFAULT_MEMORY,
) -> Sweep:
    """What each recipient says when its last token takes a donor's residual at one point.

    donors     [point, example, donor, d_model], on any device, taken in the model's dtype
    token_ids  [example, token_id] int64, the tokens whose logits are wanted
    points     those of the donors' first axis, ascending; default: all, 0..L
    memory     bytes that one packed pass may take, about
    returns    patched [point, example, donor], baseline [example]
    raises     MisalignedError where the shapes do not match

    Exact; tested against one forward for each patch (`sweep_plain`) in tests/unit/test_sweep.py.
    """
    sweep = sweep_positions(
        model, prompts, [[-1]] * len(prompts), donors[:, :, None], token_ids, points, memory
    )
    return Sweep(
        patched=sweep.patched.reshape(lambda tensor: tensor[:, :, 0]),
        baseline=sweep.baseline.reshape(lambda tensor: tensor[:, 0]),
    )


@torch.inference_mode()
def sweep_positions(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    donors: Tensor,
    token_ids: Tensor,
    points: Sequence[int] | None = None,
    memory: int = DEFAULT_MEMORY,
) -> Sweep:
    """What each recipient says when one of its tokens takes a donor's residual at one point.

    positions  [example, position], token index in the recipient; -1 is the last
    donors     [point, example, position, donor, d_model]
    returns    patched [point, example, position, donor], baseline [example, position]
    raises     MisalignedError also where a prompt lacks a position

    The rest as in `sweep_last`. One prefill serves all positions; for each, what follows its token
    is run again.
    """
    windows = [[point] for point in check_points(model.n_blocks, points)]
    return sweep_windows(model, prompts, positions, windows, donors, token_ids, memory)


@torch.inference_mode()
def sweep_windows(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    token_ids: Tensor,
    memory: int = DEFAULT_MEMORY,
) -> Sweep:
    """As `sweep_positions`, with each patch at several points at once.

    windows  [window], the points of each
    donors   [point, example, position, donor, d_model]; the points are all those that are in some
             window, ascending
    returns  patched [window, example, position, donor], baseline [example, position]

    At the last token a window gives what its last point gives alone; at an earlier one, later
    tokens also read the patched points before it.
    """
    read = partial(read_out, model, token_ids=token_ids)
    columns = run_sweep(model, prompts, positions, windows, donors, memory, read)
    whole = [join_readouts(partial(torch.cat, dim=1), passes) for passes in columns]
    n_windows, n_donors = len(windows), donors.shape[3]
    patched = [
        readout.reshape(lambda tensor: unpack_copies(tensor, n_windows, n_donors))
        for readout in whole
    ]
    baseline = [readout.reshape(lambda tensor: tensor[:, -1]) for readout in whole]
    return Sweep(
        patched=join_readouts(partial(torch.stack, dim=2), patched),
        baseline=join_readouts(partial(torch.stack, dim=1), baseline),
    )


@torch.inference_mode()
def sweep_logits(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    donors: Tensor,
    points: Sequence[int] | None = None,
    memory: int = DEFAULT_MEMORY,
) -> tuple[Tensor, Tensor]:
    """As `sweep_positions`, with all logits: for few examples and a small vocabulary.

    returns  [point, example, position, donor, vocab] and the baseline's [example, position, vocab],
             float32, on the CPU
    """
    windows = [[point] for point in check_points(model.n_blocks, points)]
    columns = run_sweep(
        model,
        prompts,
        positions,
        windows,
        donors,
        memory,
        lambda hidden: unembed_normed(model, hidden).cpu(),
    )
    whole = [torch.cat(passes, dim=1) for passes in columns]
    n_points, _, _, n_donors, _ = donors.shape
    patched = [unpack_copies(tensor, n_points, n_donors) for tensor in whole]
    return torch.stack(patched, dim=2), torch.stack([tensor[:, -1] for tensor in whole], dim=1)


@torch.inference_mode()
def sweep_plain(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    donors: Tensor,
    points: Sequence[int] | None = None,
) -> Tensor:
    """The plain way to the same logits, one forward for each patch: slow, the tests' reference.

    donors   [point, example, position, donor, d_model]
    returns  [point, example, position, donor, vocab] float32, on the CPU
    """
    points = check_points(model.n_blocks, points)
    _check_shapes(model, prompts, positions, donors, points)
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, positions))
    rows = torch.arange(len(prompts), device=model.device)
    n_points, n_examples, n_positions, n_donors, _ = donors.shape
    logits = torch.empty(n_points, n_examples, n_positions, n_donors, model.vocab_size)
    for index, point in enumerate(points):
        for position in range(n_positions):
            for donor in range(n_donors):
                values = donors[index, :, position, donor].to(model.device, model.dtype)
                with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
                    model.residual(point)[rows, columns[:, position]] = values
                    last = model.residual(model.n_blocks)[:, -1].save()
                    tracer.stop()
                logits[index, :, position, donor] = unembed(model, last).cpu()
    return logits


def run_sweep(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    memory: int,
    read: Callable[[Tensor], Result],
    write: type[Write] = Write,
) -> Iterator[list[Result]]:
    """For each position, what `read` makes of every pass, [example, copy, d_model].

    write   what happens with a donor: `Write` puts it in the residual's place, `Addition` adds it
    The copies of a position, over its passes: window by window every donor, then the baseline.
    """
    points = check_points(model.n_blocks, sorted({p for window in windows for p in window}))
    absolute = token_indices(prompts, positions)
    _check_shapes(model, prompts, absolute, donors, points)
    past = past_of(
        model, [list(prompt[: max(row)]) for prompt, row in zip(prompts, absolute, strict=True)]
    )
    for index, starts in enumerate(zip(*absolute, strict=True)):
        by_point = dict(zip(points, donors[:, :, index, :, None], strict=True))
        suffix = suffix_of(model, prompts, starts)
        passes = run_patches(model, past, suffix, by_point, windows, memory, write=write)
        yield [read(hidden) for hidden in passes]


def _check_shapes(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    donors: Tensor,
    points: Sequence[int],
) -> None:
    expected = (len(points), len(prompts), len(positions[0]), "donor", model.d_model)
    found = tuple(donors.shape)
    if len(found) != 5 or (*found[:3], "donor", *found[4:]) != expected:
        raise MisalignedError(
            f"donors of shape {found} found, {expected} expected: "
            "(point, example, position, donor, d_model)"
        )
