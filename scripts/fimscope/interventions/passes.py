"""The passes of a patch sweep: which copies of a prompt's end run together, patched how."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from fimscope.inference.kv_cache import Past
from fimscope.inference.places import residual
from fimscope.interventions.packed import Suffix, Write, copies_per_pass, run_copies, run_unpatched
from fimscope.models.load import Model

DEFAULT_MEMORY = 2**30


def run_patches(
    model: Model,
    past: Past,
    suffix: Suffix,
    donors: Mapping[int, Tensor],
    windows: Sequence[Sequence[int]],
    memory: int,
    offsets: Tensor | None = None,
    write: type[Write] = Write,
) -> Iterator[Tensor]:
    """What leaves the final norm for every patch of each recipient's tokens, pass by pass.

    donors   of each point, [example, donor, token, d_model]
    windows  the points that one copy is patched at
    offsets  [example, token] int64, where the patched tokens stand behind the suffix's first;
             default: its first alone
    write    what happens with a donor: `Write` puts it in the residual's place, `Addition` adds it
    returns  [example, copy, d_model]; the copies over all passes: window by window every donor,
             then the one without a patch
    """
    n_donors = next(iter(donors.values())).shape[1]
    copies = [(window, donor) for window in windows for donor in range(n_donors)]
    if offsets is None:
        offsets = torch.zeros(len(suffix.token_ids), 1, dtype=torch.long)
    offsets = offsets.to(model.device)
    step = copies_per_pass(model, past, suffix, memory)
    if step > len(copies):
        baseline = [((), 0)]
        writes = _write_donors(model, suffix, donors, offsets, [*copies, *baseline], write)
        yield run_copies(model, past, suffix, len(copies) + 1, writes)
        return
    # With several passes, each leaves out the blocks before its own first point.
    baseline, begins = run_unpatched(model, past, suffix, list(donors))
    for first in range(0, len(copies), step):
        chosen = copies[first : first + step]
        begin = begins[min(min(window) for window, _ in chosen)]
        writes = _write_donors(model, suffix, donors, offsets, chosen, write)
        yield run_copies(model, past, suffix, len(chosen), writes, begin)
    yield baseline


def unpack_copies(tensor: Tensor, n_windows: int, n_donors: int) -> Tensor:
    """[example, copy, ...] without the baseline -> [window, example, donor, ...]."""
    return tensor[:, :-1].unflatten(1, (n_windows, n_donors)).movedim(1, 0)


def _write_donors(
    model: Model,
    suffix: Suffix,
    donors: Mapping[int, Tensor],
    offsets: Tensor,
    copies: Sequence[tuple[Sequence[int], int]],
    write: type[Write],
) -> list[Write]:
    """The writes of copies, each of a window of points and a donor."""
    writes = []
    for point, values in donors.items():
        patched = [column for column, (window, _) in enumerate(copies) if point in window]
        if patched:
            starts = torch.tensor(patched, device=model.device) * suffix.token_ids.shape[1]
            columns = (starts[None, :, None] + offsets[:, None]).flatten(1)
            own = values[:, [copies[column][1] for column in patched]].flatten(1, 2)
            writes.append(write(residual(point), columns, own.to(model.device, model.dtype)))
    return writes
