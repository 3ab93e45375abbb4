"""What a patch writes: donors' values, matched row by row with places and tokens of recipients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.places import Place, check_places, width_of
from fimscope.interventions.activations import Activations
from fimscope.interventions.named_batch import Layers, NamedBatch, Places
from fimscope.interventions.named_prompt import Pairs, Position, pair_positions, zip_rows


@dataclass(frozen=True)
class Patch:
    """Values [example, position, width] for columns [example, position] of recipients."""

    place: Place
    columns: Tensor
    values: Tensor


def match_donors(
    batch: NamedBatch,
    donors: Activations,
    pairs: Pairs | None,
    places: Places | None = None,
    layers: Layers | None = None,
    to: Places | Layers | None = None,
) -> list[Patch]:
    """A patch for each place, in their order; the rest as in `Batch.patch`."""
    if len(donors.prompts) != len(batch.prompts):
        raise MisalignedError(
            f"{len(donors.prompts)} donors, the first {donors.prompts[0].prompt_id}, for "
            f"{len(batch.prompts)} recipients, the first {batch.prompts[0].prompt_id}; "
            "expected one donor for each"
        )
    sources = batch.places(places, layers) or list(donors.values)
    targets = sources if to is None else batch.targets(to)
    if len(targets) != len(sources):
        raise MisalignedError(
            f"to: {len(targets)} places for {len(sources)} that are patched; expected one for each"
        )
    if pairs is None and donors.positions is None:
        _need_equal_lengths(batch, donors)
        columns = batch.columns(None)
        index = columns - batch.inputs.n_padding[:, None]
        rows = torch.arange(len(index), device=index.device)[:, None]
        values = [donors[source][rows, index] for source in sources]
    else:
        whole = donors.positions if pairs is None else pairs
        named, own = pair_positions(whole)
        columns = batch.columns(own)
        values = [torch.stack([donors.at(s, n) for n in named], dim=1) for s in sources]
        if any(source.kind == "pattern" for source in sources):
            _need_no_later_query(batch, donors, named, columns)
    patches = []
    for source, target, own in zip(sources, targets, values, strict=True):
        _need_equal_widths(batch, source, target, own)
        patches.append(Patch(target, columns, own))
    return patches


def _need_equal_lengths(batch: NamedBatch, donors: Activations) -> None:
    for donor, own in zip(donors.prompts, batch.prompts, strict=True):
        if len(donor.token_ids) != len(own.token_ids):
            raise MisalignedError(
                f"every token: donor {donor.prompt_id} has {len(donor.token_ids)} tokens and "
                f"prompt {own.prompt_id} has {len(own.token_ids)}; name the positions"
            )


def _need_equal_widths(batch: NamedBatch, source: Place, target: Place, values: Tensor) -> None:
    check_places(batch.model, [target])
    if (source.kind == "pattern") != (target.kind == "pattern"):
        raise MisalignedError(f"{source} cannot be put into {target}; expected two patterns")
    if target.kind != "pattern" and values.shape[-1] != width_of(batch.model, target):
        raise MisalignedError(
            f"{source} has vectors of {values.shape[-1]} numbers, {target} of "
            f"{width_of(batch.model, target)}; expected as many"
        )


def _need_no_later_query(
    batch: NamedBatch, donors: Activations, named: Sequence[Position], columns: Tensor
) -> None:
    """A token cannot attend as a later one of the donor does: to tokens behind itself."""
    own = (columns - batch.inputs.n_padding[:, None]).tolist()
    for number, position in enumerate(named):
        for row, (donor, name) in enumerate(zip_rows(donors.prompts, position)):
            if donor.index_of(name) > own[row][number]:
                raise MisalignedError(
                    f"prompt {batch.prompts[row].prompt_id}: token {own[row][number]} cannot "
                    f"attend as token {donor.index_of(name)} of donor {donor.prompt_id} does, "
                    "which sees more tokens"
                )
