"""Several patched copies of a prompt's end in one forward, over one cache of its beginning.

A patch at one token changes nothing before it. So the tokens before it go into a key-value cache
once, and copies of the rest go through the model packed in one row, each copy patched in its own
way, each seeing the cached past and itself alone. More copies than one row holds go in several
passes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.inference.batch import TokenIds
from fimscope.inference.forward import run_traced
from fimscope.inference.kv_cache import Past, packed_masks
from fimscope.inference.places import Place, activation
from fimscope.inference.residuals import at_columns, put_at_columns
from fimscope.models.load import Model

Window = Sequence[Place]  # the places that one copy is patched at

PASS_BYTES = 2**30  # what a pass may take of the memory, about
# With fewer tokens than this in a pass, its fixed costs weigh more than its arithmetic.
LEAST_TOKENS_OF_A_PASS = 512


@dataclass(frozen=True)
class Suffix:
    """The tokens that are run again: from the patched one to the last, padded on the right.

    token_ids  [example, token] int64
    positions  [example, token] int64
    start      [example] int64, the position of the patched token, which is in column 0
    last       [example] int64, the column of the last token
    """

    token_ids: Tensor
    positions: Tensor
    start: Tensor
    last: Tensor


@dataclass(frozen=True)
class Write:
    """Values for some columns of the packed rows, at one place.

    columns  [example, column] int64
    values   [example, column, width of the place]
    """

    place: Place
    columns: Tensor
    values: Tensor

    def apply(self, hidden: Tensor) -> None:
        """Inside a trace: put the values into the rows, [example, column, width]."""
        put_at_columns(hidden, self.columns, self.values)


@dataclass(frozen=True)
class Addition(Write):
    """Values that are added to what is there instead of taking its place."""

    def apply(self, hidden: Tensor) -> None:
        added = at_columns(hidden, self.columns) + self.values
        put_at_columns(hidden, self.columns, added)


@dataclass(frozen=True)
class Patches:
    """What is patched where: every window of places with every donor.

    donors   of each place, as a forward passes them, [example, donor, token, width of the place]
    windows  the places that one copy is patched at
    offsets  [example, token] int64, where the patched tokens stand behind the suffix's first
    write    what happens with a donor: `Write` puts it in the activation's place, `Addition` adds
             it
    """

    donors: Mapping[Place, Tensor]
    windows: Sequence[Window]
    offsets: Tensor
    write: type[Write] = Write

    @property
    def copies(self) -> list[tuple[Window, int]]:
        """Window and donor of each copy: window by window every donor."""
        n_donors = next(iter(self.donors.values())).shape[1]
        return [(window, donor) for window in self.windows for donor in range(n_donors)]

    def writes(
        self, model: Model, suffix: Suffix, copies: Sequence[tuple[Window, int]]
    ) -> list[Write]:
        """The writes of some copies, packed in this order, as a forward passes their places."""
        patched: dict[Place, list[int]] = {place: [] for place in self.donors}
        for copy, (window, _) in enumerate(copies):
            for place in window:
                patched[place].append(copy)
        found = []
        for place, of_place in patched.items():
            if of_place:
                starts = torch.tensor(of_place) * suffix.token_ids.shape[1]
                columns = (starts[None, :, None] + self.offsets[:, None]).flatten(1)
                values = self.donors[place][:, [copies[copy][1] for copy in of_place]].flatten(1, 2)
                own = columns.to(model.device), values.to(model.device, model.dtype)
                found.append(self.write(place, *own))
        return found


@dataclass(frozen=True)
class Begin:
    """The residual stream of a suffix without a patch at one point, [example, token, d_model]."""

    point: int
    residual: Tensor


def suffix_of(model: Model, prompts: Sequence[TokenIds], starts: Sequence[int]) -> Suffix:
    """The end of each prompt, from the token index `starts` gives for it."""
    ends = [list(prompt[start:]) for prompt, start in zip(prompts, starts, strict=True)]
    width = max(map(len, ends))
    token_ids = torch.tensor([end + [model.pad_id] * (width - len(end)) for end in ends])
    start = torch.tensor(list(starts))
    last = torch.tensor([len(end) - 1 for end in ends])
    # A padded column repeats the last position: some models have no position beyond it.
    positions = start[:, None] + torch.minimum(torch.arange(width), last[:, None])
    return Suffix(*(tensor.to(model.device) for tensor in (token_ids, positions, start, last)))


def run_patches(model: Model, past: Past, suffix: Suffix, patches: Patches) -> Iterator[Tensor]:
    """What leaves the final norm for every patch, pass by pass, and at last without one.

    returns  [example, copy, d_model]; the copies over all passes: those of `patches`, then the one
             without a patch
    """
    copies = patches.copies
    if copies_per_pass(model, past, suffix) <= len(copies):
        yield from run_passes(model, past, suffix, patches)
        return
    writes = patches.writes(model, suffix, [*copies, ((), 0)])
    yield _run_copies(model, past, suffix, len(copies) + 1, writes)


def run_passes(model: Model, past: Past, suffix: Suffix, patches: Patches) -> Iterator[Tensor]:
    """As `run_patches`; each pass leaves out the blocks before its own first place."""
    copies, step = patches.copies, copies_per_pass(model, past, suffix)
    points = sorted({place.index for place in patches.donors})
    baseline, begins = _run_unpatched(model, past, suffix, points)
    for first in range(0, len(copies), step):
        chosen = copies[first : first + step]
        begin = begins[min(place.index for window, _ in chosen for place in window)]
        writes = patches.writes(model, suffix, chosen)
        yield _run_copies(model, past, suffix, len(chosen), writes, begin)
    yield baseline


def unpack_copies(tensor: Tensor, n_windows: int, n_donors: int) -> Tensor:
    """[example, copy, ...] without the baseline -> [window, example, donor, ...]."""
    return tensor[:, :-1].unflatten(1, (n_windows, n_donors)).movedim(1, 0)


def copies_per_pass(model: Model, past: Past, suffix: Suffix) -> int:
    """How many copies of a suffix go in one row: as many as pay and fit in PASS_BYTES.

    Every copy's scores are computed against every other's and masked, so that a row much longer
    than its past wastes work.
    """
    n_examples, width = suffix.token_ids.shape
    past_length = past.mask.shape[1]
    worthwhile = max(LEAST_TOKENS_OF_A_PASS, past_length)
    seen = past_length + worthwhile
    # About 20 activations of a token are alive at once, and a mask; eager attention also holds
    # its scores and their softmax for every head.
    scores = 12 * model.n_heads if model.attention == "eager" else 8
    bytes_of_token = 20 * model.d_model * model.dtype.itemsize + scores * seen
    affordable = PASS_BYTES // (n_examples * bytes_of_token)
    return max(1, min(worthwhile, affordable) // width)


def _run_copies(
    model: Model,
    past: Past,
    suffix: Suffix,
    n_copies: int,
    writes: Sequence[Write],
    begin: Begin | None = None,
) -> Tensor:
    """What leaves the final norm at the last token of each copy of the suffix.

    writes   in the order in which a forward passes their places; token t of copy c is in column
             c * width + t
    begin    where no block before the first write need run: what the stream is there
    returns  [example, copy, d_model], the model's dtype

    The past is left as it was.
    """

    def patch() -> None:
        if begin is not None:
            _skip_blocks(model, begin, n_copies)
        for write in writes:
            write.apply(activation(model, write.place))

    return _run(model, past, suffix, n_copies, patch, begin.point if begin else 0)


def _run_unpatched(
    model: Model, past: Past, suffix: Suffix, points: Sequence[int]
) -> tuple[Tensor, dict[int, Begin]]:
    """One copy without a patch, [example, 1, d_model], and what its stream is at some points."""
    kept: dict[int, Begin] = {}

    def keep() -> None:
        for point in points:
            kept[point] = Begin(point, model.residual(point).clone())

    return _run(model, past, suffix, 1, keep, 0), kept


def _run(
    model: Model,
    past: Past,
    suffix: Suffix,
    n_copies: int,
    touch: Callable[[], None],
    first_block: int,
) -> Tensor:
    width = suffix.token_ids.shape[1]
    columns = torch.arange(n_copies, device=model.device) * width + suffix.last[:, None]
    hidden = run_traced(
        model,
        {
            "input_ids": suffix.token_ids.repeat(1, n_copies),
            "position_ids": suffix.positions.repeat(1, n_copies),
            "attention_mask": _copy_masks(model, past, suffix, n_copies),
            "past_key_values": past.key_values,
            "use_cache": True,
        },
        touch,
    )
    for layer in past.key_values.layers[first_block:]:
        layer.crop(-n_copies * width)
    return at_columns(hidden, columns)


def _skip_blocks(model: Model, begin: Begin, n_copies: int) -> None:
    """Inside a trace: run no block before a point, and put the known stream there."""
    known = begin.residual.repeat(1, n_copies, 1)
    for block in model.blocks[: begin.point]:
        # Only what the last of them gives is read.
        block.skip(known)


def _copy_masks(
    model: Model, past: Past, suffix: Suffix, n_copies: int
) -> dict[str, Tensor] | Tensor:
    width = suffix.token_ids.shape[1]
    copy = torch.arange(n_copies, device=model.device).repeat_interleave(width)
    column = torch.arange(width, device=model.device).repeat(n_copies)
    own = (copy[:, None] == copy) & (column[:, None] >= column)
    before = past.mask & (past.positions < suffix.start[:, None])
    positions = suffix.positions.repeat(1, n_copies)
    return packed_masks(model, past, before, own, positions, positions)
