"""Read and write the inside of a model, several places, prompts and ways at once.

    donors, recipients = Batch(model, right), Batch(model, wrong)  # texts, or token ids
    found = donors.collect(["<fim_suffix>", "width"], layers=[12, 13])
    patched = recipients.patch(found, [("<fim_suffix>", "<fim_prefix>"), ("width", 5)])
    patched.answers()
    patched.add(direction, "last", layers=14, strength=2.0).sample(20)

An edit gives another batch, of the same prompts with that edit; whatever is read of it, logits,
activations, a lens, samples, is read of a forward in which all its edits are made. Edits at one
place act in the order in which they were asked for; what is read there is what comes behind them.

A position is a name (`last`, those of a `NamedPrompt`, the tokenizer's own added tokens), a text
that stands in the prompt once, of which it is the last token, or a token's number. A list of them
has several; a list in that list has one for each prompt.

A layer is a block and stands for what leaves it: layer k is `residual(k + 1)`, point k + 1.
"""

from collections.abc import Callable, Collection, Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.generate import Completion, continue_past, cut_at_stops
from fimscope.inference.kv_cache import Past, fill_past
from fimscope.inference.lens import Lens, lens_of
from fimscope.inference.places import Place, check_places, residual, width_of
from fimscope.inference.positions import check_points
from fimscope.inference.readout import (
    Readout,
    first_best,
    join_readouts,
    rank_of,
    readout_of,
    top_of,
    unembed_normed,
)
from fimscope.inference.sampling import sample
from fimscope.interventions.activations import Activations, innermost
from fimscope.interventions.donors import match_donors
from fimscope.interventions.edits import Edit, Reading, edited_new_tokens, edited_prompts
from fimscope.interventions.named_batch import Layers, NamedBatch, Places, Token, Tokens
from fimscope.interventions.named_prompt import (
    NamedPrompt,
    Pairs,
    Positions,
    pair_positions,
    position_list,
)
from fimscope.interventions.sweep import SweepReadout, sweep_places
from fimscope.models.load import Model
from fimscope.models.options import stop_ids as stop_ids_of


class Batch(NamedBatch):
    """Prompts that go through a model together, and the edits that are made as they do."""

    def __init__(self, model: Model, prompts: Sequence[str | NamedPrompt | Sequence[int]]):
        super().__init__(model, prompts)
        self.edits: tuple[Edit, ...] = ()
        self._logits: Tensor | None = None

    # Edits: each gives a batch that has it beside those it had.

    def patch(
        self,
        donors: Activations | None = None,
        positions: Pairs | None = None,
        places: Places | None = None,
        layers: Layers | None = None,
        to: Places | Layers | None = None,
    ) -> Self:
        """Put donors' activations into the recipients, row by row.

        donors     default: those whose `with` is open
        positions  pairs (the donor's, which was collected, and the recipient's), or one position
                   that is both; default: all that were collected. Of every token, each goes to the
                   one of the same number
        places     default: all that were collected
        to         the places, or layers, to put them in, one for each; default: the same. Another
                   layer is Patchscopes' way (Ghandeharioun et al. 2401.06102)
        raises     MisalignedError where rows or widths differ, a place or a position was not
                   collected, or two donors are for one place and token
        """
        donors = innermost() if donors is None else donors
        edited = self
        for patch in match_donors(self, donors, positions, places, layers, to):
            edited = edited._put(patch.place, patch.columns, patch.values)
        return edited

    def patch_mean(
        self,
        donors: Activations,
        positions: Pairs,
        places: Places | None = None,
        layers: Layers | None = None,
    ) -> Self:
        """As `patch`, with the mean over the donors, of which there may be any number."""
        named, own = pair_positions(positions)
        columns, edited = self.columns(own), self
        for place in self.places(places, layers) or donors.values:
            means = torch.stack([donors.at(place, position).mean(0) for position in named])
            edited = edited._put(place, columns, means.expand(len(self.prompts), -1, -1))
        return edited

    def add(
        self,
        direction: Tensor,
        positions: Positions,
        places: Places | None = None,
        layers: Layers | None = None,
        strength: float = 1.0,
    ) -> Self:
        """Add a vector [width], or one for each prompt [example, 1, width], times the strength.

        raises   MisalignedError of another shape
        """
        given = torch.as_tensor(direction, dtype=self.model.dtype, device=self.model.device)
        scaled = given * strength
        columns, edited = self.columns(positions), self
        for place in self.some_places(places, layers):
            width = width_of(self.model, place)
            n_rows, n_positions = columns.shape
            fits = ((width,), (n_rows, 1, width), (n_rows, n_positions, width))
            if tuple(scaled.shape) not in fits:
                shapes = " or ".join(str(list(shape)) for shape in dict.fromkeys(fits))
                raise MisalignedError(
                    f"{place}: a direction of shape {list(scaled.shape)} found, {shapes} expected"
                )
            edited = edited._edit(place, columns, lambda old: old + scaled)
        return edited

    def zero(
        self, positions: Positions, places: Places | None = None, layers: Layers | None = None
    ) -> Self:
        """Put zeros there."""
        columns, edited = self.columns(positions), self
        for place in self.some_places(places, layers):
            edited = edited._edit(place, columns, torch.zeros_like)
        return edited

    def add_noise(
        self,
        positions: Positions,
        places: Places | None = None,
        layers: Layers | None = None,
        spread: float = 3.0,
        seed: int = 0,
    ) -> Self:
        """Add normal noise; its standard deviation is `spread` times that of the embeddings as
        they enter block 0.

        As in causal tracing (Meng et al. 2022, with a spread of 3). Drawn on the CPU, in the order
        of the prompts, so that every device gets the same numbers.
        """
        scale = spread * self.model.embedding_spread
        generator = torch.Generator().manual_seed(seed)
        columns, edited = self.columns(positions), self
        for place in check_places(self.model, self.some_places(places, layers)):
            shape = (*columns.shape, width_of(self.model, place))
            noise = torch.randn(shape, generator=generator).to(self.model.device) * scale
            noise = noise.to(self.model.dtype)
            edited = edited._edit(place, columns, lambda old, n=noise: old + n)
        return edited

    # Readings: each of one forward with all the edits.

    @property
    def logits(self) -> Tensor:
        """[example, vocab] float32 of the token behind each prompt; the forward is run once."""
        if self._logits is None:
            self._forward()
        return self._logits

    def top(self, n: int = 10) -> tuple[Tensor, Tensor]:
        """Token ids and log-probabilities [example, n], best first."""
        return top_of(self.logits.log_softmax(-1), n)

    def answers(self, n: int = 5) -> list[list[tuple[str, float]]]:
        """The n best tokens of each prompt as texts, with their probabilities."""
        ids, logprobs = self.top(n)
        return [
            list(zip(map(self.text, own), p.exp().tolist(), strict=True))
            for own, p in zip(ids.tolist(), logprobs, strict=True)
        ]

    def ranks(self, tokens: Sequence[Token]) -> Tensor:
        """The rank of one token for each prompt, [example] int64; 0 is first."""
        ids = self.token_ids([[token] for token in tokens])
        return rank_of(self.logits, ids[:, 0])

    def collect(
        self,
        positions: Positions | None = None,
        places: Places | None = None,
        layers: Layers | None = None,
    ) -> Activations:
        """Activations behind all edits.

        positions  default: every token
        places     default, if no layers are named either: every point of the residual stream
        """
        asked = self.places(places, layers) or list(map(residual, range(self.model.n_points)))
        columns = self.columns(positions)
        values = self._read(asked, columns)
        if positions is not None:
            return Activations(self.prompts, position_list(positions), values, self.logits)
        is_repeated = columns.diff(dim=1, prepend=columns[:, :1] - 1) == 0
        whole = {p: own.masked_fill(is_repeated[..., None], torch.nan) for p, own in values.items()}
        return Activations(self.prompts, None, whole, self.logits)

    def lens(
        self,
        positions: Positions | None = None,
        tokens: Tokens | None = None,
        points: Sequence[int] | None = None,
        n_top: int = 10,
    ) -> Lens:
        """The logit lens behind all edits: what each point would say if the stream ended there.

        positions  default: every token; then a shorter prompt's last one is repeated
        tokens     whose ranks are asked for, the same for all prompts or a list for each; default:
                   each prompt's own answer
        points     ascending; default: all, 0..L
        """
        chosen = [residual(point) for point in check_points(self.model.n_blocks, points)]
        final = residual(self.model.n_blocks)
        columns = self.columns(positions)
        values = self._read([*chosen, final], columns)
        own = first_best(self.logits)[:, None]
        asked = own if tokens is None else self.token_ids(tokens)
        wanted = asked[:, None].expand(*columns.shape, -1)
        stream = torch.stack([values[place] for place in chosen])
        with torch.inference_mode():
            return lens_of(self.model, stream, values[final], wanted, n_top)

    def sweep(
        self,
        donors: Activations | Sequence[Activations],
        positions: Pairs | None = None,
        tokens: Tokens = (),
        places: Places | None = None,
        layers: Layers | None = None,
        to: Places | Layers | None = None,
    ) -> SweepReadout:
        """What each prompt says when it is patched at one place at a time.

        donors     one, or several of the same places and positions, each in turn
        positions, places, layers, to   as in `patch`; the positions are patched together
        tokens     whose logits are wanted, the same for all prompts or a list for each
        returns    patched [place, example, donor] in the order of places, baseline [example]

        Of a batch without edits in about the time of one forward, packed (`sweep_places`); where
        it has edits, or a place is a pattern or a module, one forward for each patch. Both are
        tested to be equal.
        """
        each = [donors] if isinstance(donors, Activations) else list(donors)
        if not each:
            raise MisalignedError("a sweep without donors; expected one or more")
        matched = [match_donors(self, own, positions, places, layers, to) for own in each]
        # [place][donor]
        patches = list(zip(*matched, strict=True))
        asked = [same[0].place for same in patches]
        wanted = self.token_ids(tokens).cpu()
        if len(set(asked)) < len(asked):
            raise MisalignedError("a sweep of one place twice; expected each of its places once")
        if self.edits or any(place.kind in ("pattern", "module") for place in asked):
            plain = [[self._readout(wanted)]] + [
                [self._put(p.place, p.columns, p.values)._readout(wanted) for p in same]
                for same in patches
            ]
            rows = [join_readouts(lambda t: torch.stack(t, dim=1), own) for own in plain]
            patched = join_readouts(torch.stack, rows[1:])
            return SweepReadout(patched, rows[0].reshape(lambda tensor: tensor[:, 0]))
        return sweep_places(
            self.model,
            [prompt.token_ids for prompt in self.prompts],
            (patches[0][0].columns - self.inputs.n_padding[:, None]).tolist(),
            {same[0].place: torch.stack([p.values for p in same], dim=1) for same in patches},
            wanted,
        )

    def sample(
        self,
        n_samples: int,
        max_new_tokens: int = 20,
        stop_ids: Collection[int] | None = None,
        seeds: int | Sequence[int] = 0,
        temperature: float = 1.0,
        top_p: float = 1.0,
        edit_new_tokens: bool = False,
    ) -> list[list[Completion]]:
        """Completions drawn from the model with all edits, [example][sample]; see `sample`.

        stop_ids         default: those by which the model says that it has ended
        seeds            one, or one for each prompt
        edit_new_tokens  makes every edit again at each new token; otherwise edits act at the prompt
        """
        run_new_tokens = edited_new_tokens(self.inputs, self.edits if edit_new_tokens else ())
        return sample(
            self.model,
            [prompt.token_ids for prompt in self.prompts],
            [seeds] * len(self.prompts) if isinstance(seeds, int) else seeds,
            n_samples,
            max_new_tokens,
            stop_ids_of(self.model) if stop_ids is None else stop_ids,
            temperature,
            top_p,
            edited_prompts(self.inputs, self.edits, None),
            run_new_tokens,
        )

    def generate(
        self,
        max_new_tokens: int = 20,
        stop_ids: Collection[int] | None = None,
        edit_new_tokens: bool = False,
    ) -> list[Completion]:
        """The greedy completion of each prompt, with all edits; options as in `sample`."""
        run_new_tokens = edited_new_tokens(self.inputs, self.edits if edit_new_tokens else ())
        stops = stop_ids_of(self.model) if stop_ids is None else stop_ids
        past, _ = self._forward()
        with torch.inference_mode():
            tokens = continue_past(
                self.model,
                past,
                self.logits[:, None],
                first_best,
                max_new_tokens,
                stops,
                run_new_tokens,
            )
        return [completion for (completion,) in cut_at_stops(tokens, stops)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    # How.

    def _edit(
        self,
        place: Place,
        columns: Tensor,
        change: Callable[[Tensor], Tensor],
        is_patch: bool = False,
    ) -> Self:
        check_places(self.model, [place])
        edited = copy(self)
        edited.edits = (*self.edits, Edit(place, columns, change, is_patch))
        edited._logits = None
        return edited

    def _put(self, place: Place, columns: Tensor, values: Tensor) -> Self:
        """The batch with values in the place of others; raises MisalignedError of two for one."""
        before = [edit.columns for edit in self.edits if edit.is_patch and edit.place == place]
        is_every_token = torch.equal(columns, self.columns(None))
        for row, prompt in enumerate(self.prompts):
            # Of every token, a shorter prompt's last one is repeated, with one donor.
            new = columns[row].unique() if is_every_token else columns[row]
            seen = torch.cat([*(own[row].unique() for own in before), new])
            found, counts = seen.unique(return_counts=True)
            if (counts > 1).any():
                token = int(found[counts > 1][0] - self.inputs.n_padding[row])
                raise MisalignedError(
                    f"{place}, prompt {prompt.prompt_id}: two donors for token {token}; "
                    "expected one for each place and token"
                )
        return self._edit(place, columns, lambda _: values, is_patch=True)

    @torch.inference_mode()
    def _forward(self, reading: Reading | None = None) -> tuple[Past, Tensor]:
        """The past, and what leaves the final norm at each last token, [example, d_model]."""
        run = edited_prompts(self.inputs, self.edits, reading)
        past, hidden = fill_past(self.model, self.inputs, run)
        self._logits = unembed_normed(self.model, hidden)
        return past, hidden

    def _read(self, places: Sequence[Place], columns: Tensor) -> dict[Place, Tensor]:
        nothing = torch.empty(0, device=self.model.device)
        check_places(self.model, places)
        reading = Reading(columns, dict.fromkeys(places, nothing))
        self._forward(reading)
        return reading.values

    @torch.inference_mode()
    def _readout(self, token_ids: Tensor) -> Readout:
        _, hidden = self._forward()
        readout = readout_of(self.model, hidden[:, None], token_ids)
        return readout.reshape(lambda tensor: tensor[:, 0])
