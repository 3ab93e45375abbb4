"""Patch sweeps in which several tokens take their donor's residuals together."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds
from fimscope.inference.kv_cache import past_of
from fimscope.inference.positions import check_points, token_indices
from fimscope.inference.readout import join_readouts, read_out
from fimscope.interventions.packed import suffix_of
from fimscope.interventions.passes import DEFAULT_MEMORY, run_patches, unpack_copies
from fimscope.interventions.sweep import Sweep
from fimscope.models.load import Model


@torch.inference_mode()
def sweep_sets(
    model: Model,
    prompts: Sequence[TokenIds],
    sets: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    token_ids: Tensor,
    memory: int = DEFAULT_MEMORY,
) -> Sweep:
    """What each recipient says when a set of its tokens takes a donor's residuals together.

    sets       [example, token], token index in the recipient; -1 is the last. A shorter set may
               name a token twice, then with the same values
    windows    [window], the points of each patch
    donors     [point, example, donor, token, d_model]; the points are all those that are in some
               window, ascending
    token_ids  [example, token_id] int64, the tokens whose logits are wanted
    memory     bytes that one packed pass may take, about
    returns    patched [window, example, donor], baseline [example]
    raises     MisalignedError where the shapes do not match

    Exact: what stands before the set's first token is as it was, so one prefill of it serves all
    patches; all that follows is run again for each. Tested against one forward with hooks for each
    patch in tests/unit/test_sweep_sets.py.
    """
    points = check_points(model.n_blocks, sorted({p for window in windows for p in window}))
    tokens = torch.tensor(token_indices(prompts, sets))
    expected = (len(points), len(prompts), "donor", tokens.shape[1], model.d_model)
    found = tuple(donors.shape)
    if len(found) != 5 or (*found[:2], "donor", *found[3:]) != expected:
        raise MisalignedError(
            f"donors of shape {found} found, {expected} expected: "
            "(point, example, donor, token, d_model)"
        )
    starts = tokens.min(dim=1).values
    past = past_of(
        model, [list(prompt[:start]) for prompt, start in zip(prompts, starts, strict=True)]
    )
    suffix = suffix_of(model, prompts, starts.tolist())
    by_point = dict(zip(points, donors, strict=True))
    offsets = tokens - starts[:, None]
    passes = run_patches(model, past, suffix, by_point, windows, memory, offsets)
    whole = join_readouts(
        partial(torch.cat, dim=1), [read_out(model, hidden, token_ids) for hidden in passes]
    )
    return Sweep(
        patched=whole.reshape(lambda tensor: unpack_copies(tensor, len(windows), donors.shape[2])),
        baseline=whole.reshape(lambda tensor: tensor[:, -1]),
    )
