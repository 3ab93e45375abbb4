"""Patch sweeps of the parts of blocks, at the last token: attention, MLP, single heads."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds
from fimscope.inference.kv_cache import past_of
from fimscope.inference.places import Place, check_places, width_of
from fimscope.inference.readout import join_readouts, read_out
from fimscope.interventions.packed import (
    Write,
    copies_per_pass,
    run_copies,
    run_unpatched,
    suffix_of,
)
from fimscope.interventions.passes import DEFAULT_MEMORY, unpack_copies
from fimscope.interventions.sweep import Sweep
from fimscope.models.load import Model


@torch.inference_mode()
def sweep_places(
    model: Model,
    prompts: Sequence[TokenIds],
    donors: Mapping[Place, Tensor],
    token_ids: Tensor,
    memory: int = DEFAULT_MEMORY,
) -> Sweep:
    """What each recipient says when its last token takes a donor's activation at one place.

    donors   of each place, [example, donor, width of the place]
    returns  patched [place, example, donor] in the order of `donors`, baseline [example]
    raises   MisalignedError where the shapes do not match, UserError where the model lacks a place

    token_ids and memory as in `sweep_last`, and as exact; tested against hooks on the bare network
    in tests/unit/test_sweep_sets.py. The places are parts of blocks: what attention or the MLP
    adds to the stream, or one head's mix of values.
    """
    for place, values in donors.items():
        if values.shape[::2] != (len(prompts), width_of(model, place)):
            raise MisalignedError(
                f"{place}: donors of shape {tuple(values.shape)} found; expected "
                f"({len(prompts)}, donor, {width_of(model, place)})"
            )
    past = past_of(model, [list(prompt[:-1]) for prompt in prompts])
    suffix = suffix_of(model, prompts, [len(prompt) - 1 for prompt in prompts])
    # As a forward passes them, so that a pass can leave out the blocks before its first place.
    places = check_places(model, list(donors))
    n_donors = next(iter(donors.values())).shape[1]
    copies = [(place, donor) for place in places for donor in range(n_donors)]
    step = copies_per_pass(model, past, suffix, memory)
    baseline, begins = run_unpatched(model, past, suffix, sorted({p.index for p in places}))

    def passes() -> Iterator[Tensor]:
        for first in range(0, len(copies), step):
            chosen = copies[first : first + step]
            writes = _write_parts(model, donors, chosen)
            begin = begins[chosen[0][0].index]
            yield run_copies(model, past, suffix, len(chosen), writes, begin)
        yield baseline

    whole = join_readouts(
        partial(torch.cat, dim=1), [read_out(model, hidden, token_ids) for hidden in passes()]
    )
    order = [places.index(place) for place in donors]
    return Sweep(
        patched=whole.reshape(lambda tensor: unpack_copies(tensor, len(places), n_donors)[order]),
        baseline=whole.reshape(lambda tensor: tensor[:, -1]),
    )


def _write_parts(
    model: Model, donors: Mapping[Place, Tensor], copies: Sequence[tuple[Place, int]]
) -> list[Write]:
    """The writes of copies of one token, each of a place and a donor, in the forward's order."""
    writes = []
    for place in dict.fromkeys(place for place, _ in copies):
        columns = [column for column, (patched, _) in enumerate(copies) if patched == place]
        own = donors[place][:, [copies[column][1] for column in columns]]
        writes.append(
            Write(
                place,
                torch.tensor(columns, device=model.device),
                own.to(model.device, model.dtype),
            )
        )
    return writes
