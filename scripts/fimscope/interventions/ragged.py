"""Patches of several prompts, each with its own tokens, points and number of donors.

In `packed` all prompts of a batch have the same windows and as many donors. Here nothing need be
alike: one prefill of each prompt serves all of its patches, and a pass takes patches that begin at
one point and run again about as many tokens, of whichever prompts, so that little is padding.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import Inputs, TokenIds, pad_batch
from fimscope.inference.forward import Arguments, run_plain, run_traced
from fimscope.inference.kv_cache import Past, fill_past, packed_masks
from fimscope.inference.positions import check_points
from fimscope.inference.readout import readout_of
from fimscope.interventions.packed import LEAST_TOKENS_OF_A_ROW, Write, affordable_tokens
from fimscope.interventions.sweep import SweepReadout
from fimscope.models.load import Model

# More tokens in a pass gain nothing on a CPU, whose caches they leave.
TOKENS_OF_A_PASS = 1024
# Rows whose numbers of tokens differ by less than this count as alike.
ALIKE = 16


@dataclass(frozen=True)
class Patch:
    """What one copy of a prompt has in the place of its own residuals.

    prompt   its number in the batch
    tokens   token indices in the prompt, counted from 0, each once
    values   of each point that is patched, [token, d_model], taken in the model's dtype
    """

    prompt: int
    tokens: Sequence[int]
    values: Mapping[int, Tensor]

    @property
    def start(self) -> int:
        """The first token that is run again."""
        return min(self.tokens)

    @property
    def first_point(self) -> int:
        return min(self.values)


@dataclass(frozen=True)
class _Prefill:
    """Whole prompts without a patch.

    streams   of each point that patches begin at, [prompt, column, d_model]
    last      [prompt, d_model], what leaves the final norm at each last token
    """

    inputs: Inputs
    past: Past
    streams: Mapping[int, Tensor]
    last: Tensor


@dataclass(frozen=True)
class _Rows:
    """Patched copies of prompts' ends, one behind the other in rows; padded on the right.

    prompts   [row] int64, their numbers in the batch
    tokens    [row, column] int64, the token's index in its prompt
    copies    [row, column] int64, whose copy it is in: the patch's number, -1 of padding
    starts    [row, column] int64, where that copy begins
    ends      [2, copy] int64, row and column of the last token of each copy
    firsts    patch -> row and column of its copy's first token, in the same order
    """

    prompts: Tensor
    tokens: Tensor
    copies: Tensor
    starts: Tensor
    ends: Tensor
    firsts: Mapping[int, tuple[int, int]]


@torch.inference_mode()
def sweep_ragged(
    model: Model,
    prompts: Sequence[TokenIds],
    patches: Sequence[Patch],
    token_ids: Tensor,
    write: type[Write] = Write,
) -> SweepReadout:
    """What prompts say under patches of which each has its own tokens and points.

    token_ids  [prompt, token_id] int64, the tokens whose logits are wanted
    write      what happens with the values: `Write` puts them in the residual's place, `Addition`
               adds them
    returns    patched [patch], baseline [prompt]
    raises     MisalignedError where a patch does not fit its prompt or the model

    As exact as `sweep.sweep`, and tested like it against one forward for each patch.
    """
    patched, plain = run_ragged(model, prompts, patches, write)
    of_prompt = torch.tensor([patch.prompt for patch in patches], dtype=torch.long)
    readouts = (
        readout_of(model, patched[:, None], token_ids[of_prompt]),
        readout_of(model, plain[:, None], token_ids),
    )
    return SweepReadout(*(own.reshape(lambda tensor: tensor[:, 0]) for own in readouts))


def run_ragged(
    model: Model,
    prompts: Sequence[TokenIds],
    patches: Sequence[Patch],
    write: type[Write] = Write,
) -> tuple[Tensor, Tensor]:
    """What leaves the final norm at the last tokens: [patch, d_model], and unpatched the prompts'
    [prompt, d_model]; the rest as in `sweep_ragged`.
    """
    _check_patches(model, prompts, patches)
    points = sorted({patch.first_point for patch in patches})
    prefilled = _prefill(model, prompts, points)
    found, order = [prefilled.last[:0]], []
    for point in points:
        for rows in _plan_passes(model, prompts, patches, point):
            packed = _pack(prompts, patches, rows)
            found.append(_run_pass(model, prefilled, patches, packed, point, write))
            order += packed.firsts
    hidden = torch.cat(found)[torch.tensor(order, dtype=torch.long).argsort()]
    return hidden, prefilled.last


def _check_patches(model: Model, prompts: Sequence[TokenIds], patches: Iterable[Patch]) -> None:
    for number, patch in enumerate(patches):
        check_points(model.n_blocks, sorted(patch.values))
        n_tokens, tokens = len(prompts[patch.prompt]), patch.tokens
        inside = all(0 <= token < n_tokens for token in tokens)
        if not tokens or not inside or len(set(tokens)) < len(tokens):
            raise MisalignedError(
                f"patch {number}: tokens {list(tokens)} found; expected one or more of "
                f"0..{n_tokens - 1}, each once"
            )
        for point, values in patch.values.items():
            if values.shape != (len(tokens), model.d_model):
                raise MisalignedError(
                    f"patch {number}, point {point}: values of shape {tuple(values.shape)} found, "
                    f"{(len(tokens), model.d_model)} expected: (token, d_model)"
                )


def _prefill(model: Model, prompts: Sequence[TokenIds], points: Iterable[int]) -> _Prefill:
    inputs = pad_batch(model, prompts)
    kept = [point for point in points if point > 0]
    streams: dict[int, Tensor] = {}

    def keep() -> None:
        for point in kept:
            streams[point] = model.residual(point).clone()

    def forward(model: Model, arguments: Arguments) -> Tensor:
        return run_traced(model, arguments, keep) if kept else run_plain(model, arguments)

    past, last = fill_past(model, inputs, forward)
    return _Prefill(inputs, past, streams, last)


def _plan_passes(
    model: Model, prompts: Sequence[TokenIds], patches: Sequence[Patch], point: int
) -> Iterator[list[list[int]]]:
    """Rows of patch numbers for each pass of those patches that begin at a point.

    Short copies of one prompt share a row, up to the length at which the scores against one another
    cost more than rows of their own.
    """
    n_tokens = [len(prompts[patch.prompt]) - patch.start for patch in patches]
    rows: list[list[int]] = []
    widths: list[int] = []
    for number in sorted(
        (n for n, patch in enumerate(patches) if patch.first_point == point),
        key=lambda n: (patches[n].prompt, n_tokens[n]),
    ):
        own = n_tokens[number]
        is_alike = rows and patches[rows[-1][0]].prompt == patches[number].prompt
        if is_alike and widths[-1] + own <= LEAST_TOKENS_OF_A_ROW:
            rows[-1].append(number)
            widths[-1] += own
        else:
            rows.append([number])
            widths.append(own)
    most = min(TOKENS_OF_A_PASS, affordable_tokens(model, max(map(len, prompts)) + max(widths)))
    order = sorted(range(len(rows)), key=lambda row: (-(widths[row] // ALIKE), row))
    found: list[list[int]] = []
    width = 0
    for row in order:
        width = max(width, widths[row])
        if found and (len(found) + 1) * width > most:
            yield found
            found, width = [], widths[row]
        found.append(rows[row])
    yield found


def _pack(
    prompts: Sequence[TokenIds], patches: Sequence[Patch], rows: Sequence[Sequence[int]]
) -> _Rows:
    tokens, copies, starts = [], [], []
    ends: list[tuple[int, int]] = []
    firsts: dict[int, tuple[int, int]] = {}
    for row, numbers in enumerate(rows):
        indices: list[int] = []
        of_copy: list[int] = []
        begins: list[int] = []
        for number in numbers:
            start, end = patches[number].start, len(prompts[patches[number].prompt])
            firsts[number] = row, len(indices)
            indices += range(start, end)
            of_copy += [number] * (end - start)
            begins += [start] * (end - start)
            ends.append((row, len(indices) - 1))
        tokens.append(indices)
        copies.append(of_copy)
        starts.append(begins)
    return _Rows(
        torch.tensor([patches[numbers[0]].prompt for numbers in rows]),
        # A padded column repeats a position: some models have no position beyond the last.
        _filled(tokens, 0),
        _filled(copies, -1),
        _filled(starts, 0),
        torch.tensor(ends).T,
        firsts,
    )


def _filled(rows: Sequence[list[int]], filler: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def _run_pass(
    model: Model,
    prefilled: _Prefill,
    patches: Sequence[Patch],
    rows: _Rows,
    point: int,
    write: type[Write],
) -> Tensor:
    """What leaves the final norm at the last token of each copy, [copy, d_model]."""
    inputs, device = prefilled.inputs, model.device
    prompts, tokens = rows.prompts.to(device), rows.tokens.to(device)
    copies, starts = rows.copies.to(device), rows.starts.to(device)
    past = _past_before(prefilled, prompts, int(rows.starts.max()), point)
    before = past.positions[:, None] < starts[..., None]
    own = (copies[..., None] == copies[:, None]) & (tokens[..., None] >= tokens[:, None])
    columns = tokens + inputs.n_padding[prompts][:, None]

    def touch() -> None:
        if point > 0:
            model.begin_at(point, _take(prefilled.streams[point], prompts[:, None], columns))
        for patched, places, values in _values_by_point(patches, rows):
            hidden = model.residual(patched)
            of_row, of_column = places.to(hidden.device)
            new = values.to(hidden.device, hidden.dtype)
            hidden[of_row, of_column] = write.new(hidden[of_row, of_column], new)

    hidden = run_traced(
        model,
        {
            "input_ids": inputs.token_ids[prompts[:, None], columns],
            "position_ids": tokens,
            "attention_mask": packed_masks(model, past, before, own, tokens, tokens),
            "past_key_values": past.key_values,
            "use_cache": True,
        },
        touch,
    )
    of_row, of_column = rows.ends.to(hidden.device)
    return hidden[of_row, of_column].to(device)


def _values_by_point(patches: Sequence[Patch], rows: _Rows) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Point, rows and columns [2, token], and values [token, d_model] of all that is written."""
    at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    values: dict[int, list[Tensor]] = defaultdict(list)
    for number, (row, column) in rows.firsts.items():
        patch = patches[number]
        for point, own in patch.values.items():
            at[point] += [(row, column + token - patch.start) for token in patch.tokens]
            values[point].append(own)
    for point in sorted(at):
        yield point, torch.tensor(at[point]).T, torch.cat(values[point])


def _past_before(prefilled: _Prefill, prompts: Tensor, width: int, point: int) -> Past:
    """The keys and values of the first tokens of some prompts, for the blocks from a point on.

    prompts  [row] int64
    width    how many tokens; a shorter prompt's last ones are repeated, and must not be seen
    """
    tokens = torch.arange(width, device=prompts.device).expand(len(prompts), -1)
    last = prefilled.inputs.token_ids.shape[1] - 1
    columns = (tokens + prefilled.inputs.n_padding[prompts][:, None]).clamp(max=last)
    chosen = copy(prefilled.past.key_values)
    chosen.layers = []
    for block, layer in enumerate(prefilled.past.key_values.layers):
        own = copy(layer)
        if layer.is_initialized and block >= point:
            own.keys, own.values = (
                _take(whole.transpose(1, 2), prompts[:, None], columns).transpose(1, 2)
                for whole in (layer.keys, layer.values)
            )
        elif layer.is_initialized:  # is left out; of the same shape, without its numbers
            own.keys, own.values = (
                whole[:1, :, :1].expand(len(prompts), -1, width, -1)
                for whole in (layer.keys, layer.values)
            )
        chosen.layers.append(own)
    return Past(chosen, torch.ones_like(tokens, dtype=torch.bool), tokens)


def _take(values: Tensor, *indices: Tensor) -> Tensor:
    return values[tuple(index.to(values.device) for index in indices)]
