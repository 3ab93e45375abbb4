"""Many samples of each prompt's completion, over one cache of the prompt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.forward import Forward, run_plain
from fimscope.inference.generate import (
    Completion,
    HasEnded,
    cut_at_end,
    cut_at_stops,
    within_window,
)
from fimscope.inference.kv_cache import fill_past, packed_masks
from fimscope.inference.readout import check_finite, unembed_normed
from fimscope.models.load import Model

FIRST_CANDIDATES = 256  # of the nucleus; more are sorted where these do not hold its share


def never(beginnings: Sequence[tuple[int, TokenIds]]) -> list[bool]:
    """Of completions that only a stop token ends."""
    return [False] * len(beginnings)


@torch.inference_mode()
def sample(
    model: Model,
    prompts: Sequence[TokenIds],
    seeds: Sequence[int],
    n_samples: int,
    max_new_tokens: int,
    stop_ids: Collection[int],
    temperature: float = 1.0,
    top_p: float = 1.0,
    run_prompts: Forward = run_plain,
    run_new_tokens: Forward = run_plain,
    has_ended: HasEnded = never,
) -> list[list[Completion]]:
    """Completions drawn from the model, [example][sample].

    seeds        one a prompt: its samples are the same in any batch, up to rounding
    temperature  divides the logits; above 0
    top_p        draws from the likeliest tokens that together have this probability; in (0, 1]
    run_prompts, run_new_tokens   forwards of the prompts and of the tokens drawn so far
    has_ended    is asked once of every beginning that some samples share, the shortest first, until
                 one has; that one is their completion, and they go no further

    All samples of a prompt go through the model as one packed row over the prompt's own cache, and
    samples that have begun alike as one branch of it: they share all keys and values until they
    part.
    """
    if len(seeds) != len(prompts):
        raise MisalignedError(f"{len(seeds)} seeds for {len(prompts)} prompts")
    if temperature <= 0 or not 0 < top_p <= 1:
        raise UserError(
            f"temperature {temperature} and top_p {top_p} found; expected a temperature above 0 "
            "and a top_p in (0, 1]. For the likeliest tokens ask for an answer, not for samples"
        )
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    past, hidden = fill_past(model, pad_batch(model, prompts), run_prompts)
    hidden = hidden[:, None]  # [example, branch, d_model]
    branches = Branches.start(len(prompts), n_samples, stop_ids)
    room = past.room(model).cpu()
    most = min(max_new_tokens, int(room.max()))
    keys = past.positions[:, :0]
    for n_new in range(1, most + 1):
        probabilities = (check_finite(unembed_normed(model, hidden)) / temperature).softmax(-1)
        # Drawn on the CPU, so that every device gets the same numbers.
        uniform = torch.stack([torch.rand(n_samples, generator=g) for g in generators])
        of_sample, uniform = branches.of_sample.to(model.device), uniform.to(model.device)
        chosen = choose_tokens(probabilities, of_sample, uniform, top_p).cpu()
        branches.grow(chosen, has_ended)
        if n_new == most or not (branches.alive & (room > n_new)[:, None]).any():
            break
        queries = (past.positions[:, -1:] + n_new).expand(-1, branches.n_branches)
        queries = queries.clamp(max=model.max_tokens - 1)  # beyond, nothing is kept
        keys = torch.cat([keys, queries], dim=1)
        sees = branches.sees.to(model.device)
        hidden = run_new_tokens(
            model,
            {
                "input_ids": branches.token_ids.to(model.device),
                "position_ids": queries,
                "attention_mask": packed_masks(model, past, past.mask, sees, queries, keys),
                "past_key_values": past.key_values,
                "use_cache": True,
            },
        )
    completions = cut_at_stops(within_window(branches.tokens(), room), stop_ids)
    return [
        [cut_at_end(one, branches.ends.get((i, j))) for j, one in enumerate(own)]
        for i, own in enumerate(completions)
    ]


@dataclass
class Branches:
    """Samples as trees: those of a prompt that have begun alike are one branch until they part.

    All on the CPU.

    of_sample   [example, sample] int64, the branch that a sample is on
    alive       [example, sample] bool, false behind a stop token and behind the end
    ends        (example, sample) -> its number of tokens, of those that have ended
    token_ids   [example, branch] int64, each branch's newest token; 0 fills up examples with fewer
    sees        [example, branch, key] bool, which of all tokens grown so far are a branch's own
    """

    of_sample: Tensor
    alive: Tensor
    token_ids: Tensor
    sees: Tensor
    stops: Tensor
    chosen: list[Tensor] = field(default_factory=list)
    ends: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def start(cls, n_examples: int, n_samples: int, stop_ids: Collection[int]) -> "Branches":
        """Every sample at the end of its prompt, which is the one branch there is."""
        return cls(
            of_sample=torch.zeros(n_examples, n_samples, dtype=torch.long),
            alive=torch.ones(n_examples, n_samples, dtype=torch.bool),
            token_ids=torch.zeros(n_examples, 1, dtype=torch.long),
            sees=torch.zeros(n_examples, 1, 0, dtype=torch.bool),
            stops=torch.tensor(sorted(stop_ids), dtype=torch.long),
        )

    @property
    def n_branches(self) -> int:
        return self.token_ids.shape[1]

    def grow(self, token_ids: Tensor, has_ended: HasEnded = never) -> None:
        """Append a token to each sample, [example, sample]; one that is over grows no branch."""
        self.chosen.append(token_ids)
        self.alive = self.alive & ~torch.isin(token_ids, self.stops)
        self._end(has_ended)
        parents, tokens = [], []
        of_sample = torch.zeros_like(self.of_sample)
        for example, alive in enumerate(self.alive):
            steps = torch.stack([self.of_sample[example], token_ids[example]], dim=1)
            distinct, places = steps[alive].unique(dim=0, return_inverse=True)
            parents.append(distinct[:, 0])
            tokens.append(distinct[:, 1])
            of_sample[example, alive] = places
        parent = pad_sequence(parents, batch_first=True)
        width = parent.shape[1]
        inherited = self.sees.gather(1, parent[..., None].expand(-1, -1, self.sees.shape[-1]))
        itself = torch.eye(width, dtype=torch.bool).expand(len(parents), -1, -1)
        self.of_sample = of_sample
        self.token_ids = pad_sequence(tokens, batch_first=True)
        self.sees = torch.cat([inherited, itself], dim=2)

    def _end(self, has_ended: HasEnded) -> None:
        places = self.alive.nonzero().tolist()
        grown = self.tokens()[self.alive].tolist()
        own = [(example, tuple(tokens)) for (example, _), tokens in zip(places, grown, strict=True)]
        asked = list(dict.fromkeys(own))
        over = dict(zip(asked, has_ended(asked), strict=True))
        for (example, sample), one in zip(places, own, strict=True):
            if over[one]:
                self.ends[example, sample] = len(self.chosen)
                self.alive[example, sample] = False

    def tokens(self) -> Tensor:
        """All tokens of all samples, [example, sample, token].

        Behind a stop or an end they mean nothing.
        """
        if not self.chosen:
            return torch.empty(*self.of_sample.shape, 0, dtype=torch.long)
        return torch.stack(self.chosen, dim=2)


def choose_tokens(probabilities: Tensor, rows: Tensor, uniform: Tensor, top_p: float) -> Tensor:
    """Token ids by inversion: the first whose cumulative probability exceeds a uniform number.

    probabilities  [example, row, vocab]
    rows           [example, choice] int64, the row that each token is chosen from
    uniform        [example, choice] in [0, 1)
    returns        [example, choice] int64

    Below 1, top_p keeps the smallest set of likeliest tokens that has that probability
    (nucleus sampling, Holtzman et al. 2020).
    """
    if top_p == 1:
        return _invert(_rows_of(probabilities.double().cumsum(-1), rows), uniform)
    flat = probabilities.flatten(0, 1)
    firsts = torch.arange(len(probabilities), device=rows.device) * probabilities.shape[1]
    row_of = (rows + firsts[:, None]).flatten()  # [choice], its row of all examples' rows
    uniform, tokens = uniform.flatten(), torch.empty_like(row_of)
    n, todo = FIRST_CANDIDATES, torch.arange(len(row_of), device=rows.device)
    # A row that the likeliest n do not cover takes more of them; the others are not sorted again.
    while len(todo):
        n = min(n, flat.shape[-1])
        asked, place = row_of[todo].unique(return_inverse=True)
        best = flat[asked].topk(n, dim=-1)
        cumulative = best.values.double().cumsum(-1)
        covered = (cumulative[:, -1] >= top_p) | (n == flat.shape[-1])
        kept = (cumulative - best.values) < top_p
        nucleus = torch.where(kept, best.values, 0).double().cumsum(-1)
        now = covered[place]
        own = place[now]
        places = _invert(nucleus[own], uniform[todo[now]])
        tokens[todo[now]] = best.indices[own, places]
        n, todo = 8 * n, todo[~now]
    return tokens.view_as(rows)


def _rows_of(values: Tensor, rows: Tensor) -> Tensor:
    """[example, row, width] at [example, choice]: [example, choice, width]."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))


def _invert(cumulative: Tensor, uniform: Tensor) -> Tensor:
    target = uniform.double() * cumulative[..., -1]
    index = torch.searchsorted(cumulative, target[..., None].contiguous(), right=True)[..., 0]
    return index.clamp(max=cumulative.shape[-1] - 1)
