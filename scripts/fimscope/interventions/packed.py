"""Several patched copies of a prompt's end in one forward, over one cache of its beginning.

A patch at one token changes nothing before it. So the tokens before it go into a key-value cache
once, and copies of the rest go through the model packed in one row, each copy patched in its own
way, each seeing the cached past and itself alone. More copies than one row holds go in several
passes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter, itemgetter

import torch
from torch import Tensor

from fimscope.inference.batch import TokenIds
from fimscope.inference.forward import run_traced
from fimscope.inference.kv_cache import Past, packed_masks
from fimscope.inference.places import Place, activation, residual
from fimscope.inference.residuals import at_columns, put_at_columns
from fimscope.models.load import Model

Window = Sequence[Place]  # the places that one copy is patched at

Copy = tuple[Window, int]  # where one copy is patched, and with which of the donors

PASS_BYTES = 2**30  # what a pass may take of the memory, about
# With fewer tokens than this in a pass, over all of its examples, its fixed costs weigh more than
# its arithmetic; and so they do with fewer in a row than scores against the other copies cost.
LEAST_TOKENS_OF_A_PASS = 512
LEAST_TOKENS_OF_A_ROW = 64


@dataclass(frozen=True)
class Suffix:
    """The tokens that are run again: from the patched one to the last, padded on the right.

    Behind the prompt's last token may stand the tokens of answers, each of which sees the prompt
    and its own answer alone.

    token_ids  [example, token] int64
    positions  [example, token] int64
    start      [example] int64, the position of the patched token, which is in column 0
    sees       [example, token, token] bool, which tokens of the suffix each of them sees
    reads      [example, read] int64, the columns that are read: that of the prompt's last token,
               then those of the answers; the last token's again where an example has fewer
    """

    token_ids: Tensor
    positions: Tensor
    start: Tensor
    sees: Tensor
    reads: Tensor


@dataclass(frozen=True)
class Write:
    """Values for some columns of the packed rows, at one place.

    columns  [example, column] int64
    values   [example, column, width of the place]
    """

    place: Place
    columns: Tensor
    values: Tensor

    def apply(self, model: Model) -> None:
        """Inside a trace: put the values into the rows."""
        hidden = activation(model, self.place)
        old = at_columns(hidden, self.columns)
        put_at_columns(hidden, self.columns, self.new(old, self.values))

    @staticmethod
    def new(old: Tensor, values: Tensor) -> Tensor:
        """What takes the place of what is there."""
        return values


@dataclass(frozen=True)
class Addition(Write):
    """Values that are added to what is there instead of taking its place."""

    @staticmethod
    def new(old: Tensor, values: Tensor) -> Tensor:
        return old + values


@dataclass(frozen=True)
class Patches:
    """What is patched where: every window of places with every donor.

    donors   of each place, [example, donor, token, width of the place]
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
    def copies(self) -> list[Copy]:
        """Window and donor of each copy: window by window every donor."""
        n_donors = next(iter(self.donors.values())).shape[1]
        return [(window, donor) for window in self.windows for donor in range(n_donors)]

    def writes(self, model: Model, suffix: Suffix, copies: Sequence[Copy]) -> list[Write]:
        """The writes of some copies, packed in this order, as a forward passes their places."""
        ordered = sorted(self.donors, key=attrgetter("order"))
        patched: dict[Place, list[int]] = {place: [] for place in ordered}
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


def suffix_of(
    model: Model,
    prompts: Sequence[TokenIds],
    starts: Sequence[int],
    answers: Sequence[Sequence[TokenIds]] = (),
) -> Suffix:
    """The end of each prompt, from the token index `starts` gives for it.

    answers   [answer][example] token ids: what follows the prompt, but for each answer's last token
    """
    ends = [list(prompt[start:]) for prompt, start in zip(prompts, starts, strict=True)]
    tails = [[list(answer[row][:-1]) for answer in answers] for row in range(len(prompts))]
    n_tail = [sum(map(len, tail)) for tail in tails]
    width = max(len(end) + n for end, n in zip(ends, n_tail, strict=True))
    start, last = torch.tensor(list(starts)), torch.tensor([len(end) - 1 for end in ends])
    token_ids = torch.full((len(ends), width), model.pad_id)
    part = torch.full((len(ends), width), -1)  # 0 is the prompt, an answer has its number from 1
    # A padded column repeats the last position: some models have no position beyond it.
    offsets = torch.minimum(torch.arange(width), last[:, None])
    reads = last[:, None].repeat(1, 1 + max(n_tail))
    for row, (end, tail) in enumerate(zip(ends, tails, strict=True)):
        column = 0
        for number, tokens in enumerate((end, *tail)):
            own = slice(column, column + len(tokens))
            token_ids[row, own] = torch.tensor(tokens, dtype=torch.long)
            part[row, own] = number
            if number:
                offsets[row, own] = len(end) + torch.arange(len(tokens))
            column += len(tokens)
        reads[row, 1 : 1 + n_tail[row]] = torch.arange(len(end), column)
    sees = ((part[:, None] == 0) | (part[:, :, None] == part[:, None])).tril()
    tensors = (token_ids, start[:, None] + offsets, start, sees, reads)
    return Suffix(*(tensor.to(model.device) for tensor in tensors))


def run_patches(model: Model, past: Past, suffix: Suffix, patches: Patches) -> Tensor:
    """What leaves the final norm at the tokens that are read of every copy of the suffix.

    returns  [example, copy, read, d_model], the model's dtype: the copy without a patch, then those
             of `patches`

    The copies go through by their first place, so that a pass leaves out the blocks before its
    own. The one without a patch is in the first pass, which leaves out none; the others begin at
    what its stream was.
    """
    copies = [((), 0), *patches.copies]
    order = sorted(range(len(copies)), key=lambda number: _first_point(copies[number]))
    step = copies_per_pass(model, past, suffix, len(copies))
    passes = [
        [copies[number] for number in order[first : first + step]]
        for first in range(0, len(copies), step)
    ]
    starts = [_first_point(chosen[0]) for chosen in passes]
    first, streams = _run_first(model, past, suffix, patches, passes[0], set(starts[1:]))
    others = [
        _run_from(model, past, suffix, patches, chosen, start, streams[start])
        for start, chosen in zip(starts[1:], passes[1:], strict=True)
    ]
    return torch.cat([first, *others], dim=1)[:, torch.tensor(order).argsort()]


def unpack_copies(tensor: Tensor, n_windows: int, n_donors: int) -> Tensor:
    """[example, copy, ...] of `run_patches`, but the first -> [window, example, donor, ...]."""
    return tensor[:, 1:].unflatten(1, (n_windows, n_donors)).movedim(1, 0)


def copies_per_pass(model: Model, past: Past, suffix: Suffix, n_copies: int) -> int:
    """How many copies of a suffix go in one row: as many as pay and fit in PASS_BYTES.

    Every copy's scores are computed against every other's and masked, so that a long row wastes
    work; and the more passes, the more blocks are left out. The passes are of about one size.
    """
    n_examples, width = suffix.token_ids.shape
    past_length = past.mask.shape[1]
    worthwhile = max(LEAST_TOKENS_OF_A_ROW, LEAST_TOKENS_OF_A_PASS // n_examples)
    affordable = affordable_tokens(model, past_length + worthwhile) // n_examples
    most = max(1, min(worthwhile, affordable) // width)
    n_passes = -(-n_copies // most)
    return -(-n_copies // n_passes)


def affordable_tokens(model: Model, n_seen: int) -> int:
    """How many tokens a pass may have within PASS_BYTES, where each attends to at most n_seen."""
    # About 20 activations of a token are alive at once, and a mask; eager attention also holds
    # its scores and their softmax for every head.
    scores = 12 * model.n_heads if model.attention == "eager" else 8
    return PASS_BYTES // (20 * model.d_model * model.dtype.itemsize + scores * n_seen)


def _first_point(copy: Copy) -> int:
    """The point before which a copy is as the one without a patch; 0 for that one itself."""
    window, _ = copy
    return min((place.index for place in window), default=0)


def _run_first(
    model: Model,
    past: Past,
    suffix: Suffix,
    patches: Patches,
    copies: Sequence[Copy],
    points: Iterable[int],
) -> tuple[Tensor, dict[int, Tensor]]:
    """Copies through all blocks, the first of them without a patch.

    returns  [example, copy, read, d_model]; the first copy's stream at some points, each
             [example, token, d_model]
    """
    width = suffix.token_ids.shape[1]
    streams: dict[int, Tensor] = {}

    def keep(point: int) -> None:
        streams[point] = model.residual(point)[:, :width].clone()

    passed = [(residual(point).order, partial(keep, point)) for point in points]
    passed += [
        (write.place.order, partial(write.apply, model))
        for write in patches.writes(model, suffix, copies)
    ]

    def touch() -> None:
        for _, act in sorted(passed, key=itemgetter(0)):
            act()

    return _run(model, past, suffix, len(copies), touch, 0), streams


def _run_from(
    model: Model,
    past: Past,
    suffix: Suffix,
    patches: Patches,
    copies: Sequence[Copy],
    point: int,
    stream: Tensor,
) -> Tensor:
    """Copies through the blocks from a point on; `stream` is what they are there.

    stream   [example, token, d_model]
    returns  [example, copy, read, d_model]
    """
    writes = patches.writes(model, suffix, copies)
    known = stream.repeat(1, len(copies), 1)

    def touch() -> None:
        model.begin_at(point, known)
        for write in writes:
            write.apply(model)

    return _run(model, past, suffix, len(copies), touch, point)


def _run(
    model: Model,
    past: Past,
    suffix: Suffix,
    n_copies: int,
    touch: Callable[[], None],
    first_block: int,
) -> Tensor:
    """What leaves the final norm at what is read of each copy; the past is left as it was.

    Token t of copy c is in column c * width + t.
    """
    width = suffix.token_ids.shape[1]
    firsts = torch.arange(n_copies, device=model.device) * width
    columns = (firsts[None, :, None] + suffix.reads[:, None]).flatten(1)
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
    return at_columns(hidden, columns).unflatten(1, (n_copies, -1))


def _copy_masks(
    model: Model, past: Past, suffix: Suffix, n_copies: int
) -> dict[str, Tensor] | Tensor:
    width = suffix.token_ids.shape[1]
    copy = torch.arange(n_copies, device=model.device).repeat_interleave(width)
    own = (copy[:, None] == copy) & suffix.sees.repeat(1, n_copies, n_copies)
    before = past.mask & (past.positions < suffix.start[:, None])
    positions = suffix.positions.repeat(1, n_copies)
    return packed_masks(model, past, before, own, positions, positions)
