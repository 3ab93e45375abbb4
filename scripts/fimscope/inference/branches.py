"""Samples of prompts as trees: those that have begun alike are one branch until they part."""

from collections.abc import Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass
class Branches:
    """How far the samples of each prompt have grown; all on the CPU.

    of_sample   [example, sample] int64, the branch that a sample is on
    alive       [example, sample] bool, false behind a stop token
    token_ids   [example, branch] int64, each branch's newest token; 0 fills up examples with fewer
    sees        [example, branch, key] bool, which of all tokens grown so far are a branch's own
    """

    of_sample: Tensor
    alive: Tensor
    token_ids: Tensor
    sees: Tensor
    stops: Tensor
    chosen: list[Tensor] = field(default_factory=list)

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

    def grow(self, token_ids: Tensor) -> None:
        """Append a token to each sample, [example, sample]; a stopped one grows no branch."""
        self.chosen.append(token_ids)
        self.alive = self.alive & ~torch.isin(token_ids, self.stops)
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

    def tokens(self) -> Tensor:
        """All tokens of all samples, [example, sample, token]; behind a stop they mean nothing."""
        if not self.chosen:
            return torch.empty(*self.of_sample.shape, 0, dtype=torch.long)
        return torch.stack(self.chosen, dim=2)
