"""Patch sweeps: every patch of a recipient for about the price of asking it once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.kv_cache import past_of
from fimscope.inference.places import Place, check_places, residual, width_of
from fimscope.inference.positions import check_points, token_indices
from fimscope.inference.readout import Readout, readout_of, unembed
from fimscope.inference.residuals import put_at_columns, token_columns
from fimscope.interventions.packed import Patches, Write, run_patches, suffix_of, unpack_copies
from fimscope.models.load import Model


@dataclass(frozen=True)
class SweepReadout:
    """Readouts of every patch, and of the recipients without one from the same packed rows."""

    patched: Readout
    baseline: Readout


@torch.inference_mode()
def sweep(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    token_ids: Tensor,
    write: type[Write] = Write,
) -> SweepReadout:
    """What each recipient says when some of its tokens take a donor's residuals together.

    tokens     [example, token], token index in the recipient; -1 is the last. A shorter row may
               name a token twice, then with the same values
    windows    [window], the points of each patch
    donors     [point, example, donor, token, d_model], on any device, taken in the model's dtype;
               the points are all those that are in some window, ascending
    token_ids  [example, token_id] int64, the tokens whose logits are wanted
    write      what happens with a donor: `Write` puts it in the residual's place, `Addition` adds
               it
    returns    patched [window, example, donor], baseline [example]
    raises     MisalignedError where the shapes do not match or a prompt lacks a token

    Exact: what stands before the first patched token is as it was, so one prefill of it serves all
    patches; all that follows is run again for each. Tested against one forward for each patch,
    `sweep_plain`. At the last token a window gives what its last point gives alone; at an earlier
    one, later tokens also read the patched points before it.
    """
    hidden = run_sweep(model, prompts, tokens, windows, donors, write)[:, :, 0]
    return _read_copies(model, hidden, token_ids, len(windows), donors.shape[2])


def sweep_last(
    model: Model, prompts: Sequence[TokenIds], donors: Tensor, token_ids: Tensor
) -> SweepReadout:
    """What each recipient says when its last token takes a donor's residual at one point.

    donors   [point, example, donor, d_model], at every point 0..L
    returns  patched [point, example, donor], baseline [example]

    The rest as in `sweep`.
    """
    points = [[point] for point in range(model.n_points)]
    return sweep(model, prompts, [[-1]] * len(prompts), points, donors[:, :, :, None], token_ids)


@torch.inference_mode()
def sweep_places(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    donors: Mapping[Place, Tensor],
    token_ids: Tensor,
) -> SweepReadout:
    """What each recipient says when some of its tokens take a donor's activations at one place.

    tokens   [example, token], as in `sweep`
    donors   of each place, [example, donor, token, width of the place]
    returns  patched [place, example, donor] in the order of `donors`, baseline [example]
    raises   MisalignedError where the shapes do not match, UserError where the model lacks a place

    token_ids as in `sweep`, and as exact; tested against hooks on the bare network. The places are
    residual points and parts of blocks: what attention or the MLP adds, a head's mix of values,
    its query, key or value, the MLP's neurons.
    """
    places = list(donors)
    check_places(model, places)
    indices = token_indices(prompts, tokens)
    for place, values in donors.items():
        expected = (len(prompts), "donor", len(indices[0]), width_of(model, place))
        found = tuple(values.shape)
        if len(found) != 4 or (found[0], "donor", *found[2:]) != expected:
            raise MisalignedError(
                f"{place}: donors of shape {found} found, {expected} expected: "
                "(example, donor, token, width)"
            )
    starts = [min(row) for row in indices]
    past = past_of(model, [prompt[:start] for prompt, start in zip(prompts, starts, strict=True)])
    suffix = suffix_of(model, prompts, starts)
    offsets = torch.tensor(indices) - torch.tensor(starts)[:, None]
    patches = Patches(donors, [[place] for place in places], offsets)
    hidden = run_patches(model, past, suffix, patches)[:, :, 0]
    return _read_copies(model, hidden, token_ids, len(places), donors[places[0]].shape[1])


@torch.inference_mode()
def sweep_plain(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
) -> Tensor:
    """The plain way to the same logits, one forward for each patch: slow, the tests' reference.

    tokens, windows, donors   as in `sweep`
    returns                   [window, example, donor, vocab] float32, on the CPU
    """
    points, indices = _check_shapes(model, prompts, tokens, windows, donors)
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, indices)
    logits = torch.empty(len(windows), len(prompts), donors.shape[2], model.vocab_size)
    for w, window in enumerate(windows):
        for donor in range(donors.shape[2]):
            with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
                for point in sorted(window):
                    values = donors[points.index(point), :, donor].to(model.device, model.dtype)
                    put_at_columns(model.residual(point), columns, values)
                last = model.residual(model.n_blocks)[:, -1].save()
                tracer.stop()
            logits[w, :, donor] = unembed(model, last).cpu()
    return logits


def run_sweep(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    write: type[Write] = Write,
    answers: Sequence[Sequence[TokenIds]] = (),
) -> Tensor:
    """What leaves the final norm at what is read of every copy, [example, copy, read, d_model].

    The copies: the one without a patch, then window by window every donor. The reads: the last
    token, then those of the answers, see `packed.suffix_of`.
    """
    points, indices = _check_shapes(model, prompts, tokens, windows, donors)
    starts = [min(row) for row in indices]
    past = past_of(model, [prompt[:start] for prompt, start in zip(prompts, starts, strict=True)])
    suffix = suffix_of(model, prompts, starts, answers)
    offsets = torch.tensor(indices) - torch.tensor(starts)[:, None]
    by_place = dict(zip(map(residual, points), donors, strict=True))
    places = [[residual(point) for point in window] for window in windows]
    patches = Patches(by_place, places, offsets, write)
    return run_patches(model, past, suffix, patches)


def _check_shapes(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
) -> tuple[list[int], list[list[int]]]:
    """All points of the windows, ascending, and the token indices counted from 0."""
    points = check_points(model.n_blocks, sorted({p for window in windows for p in window}))
    indices = token_indices(prompts, tokens)
    expected = (len(points), len(prompts), "donor", len(indices[0]), model.d_model)
    found = tuple(donors.shape)
    if len(found) != 5 or (*found[:2], "donor", *found[3:]) != expected:
        raise MisalignedError(
            f"donors of shape {found} found, {expected} expected: "
            "(point, example, donor, token, d_model)"
        )
    return points, indices


def _read_copies(
    model: Model, hidden: Tensor, token_ids: Tensor, n_windows: int, n_donors: int
) -> SweepReadout:
    whole = readout_of(model, hidden, token_ids)
    return SweepReadout(
        patched=whole.reshape(lambda tensor: unpack_copies(tensor, n_windows, n_donors)),
        baseline=whole.reshape(lambda tensor: tensor[:, 0]),
    )
