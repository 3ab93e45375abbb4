"""What donors give: cached or collected activations, and the random ones beside them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.files.activation_cache import ActivationCache, LastResiduals
from fimscope.files.tables import Table, read_table
from fimscope.inference.batching import BatchRunner
from fimscope.parts.formats import BatchTensors
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

NOISES_KEPT = 256  # more than a batch has
NOISE_ROWS = 256  # a covariance rests on at most

Row = Mapping[str, Any]
Key = tuple[str, str]  # example_id, edit
TokenIds = Sequence[int]


def read_prompts(paths: Iterable[Path]) -> dict[Key, Row]:
    """The rows of several prompts tables by example and edit."""
    return {
        (row["example_id"], row["edit"]): row
        for path in paths
        for row in read_table(path, PROMPTS).to_pylist()
    }


def read_token_ids(paths: Iterable[Path], table: Table = PROMPTS) -> dict[Key, TokenIds]:
    """The tokens of the prompts of several tables of a kind by example and edit."""
    columns = ["example_id", "edit", "token_ids"]
    return {
        (row["example_id"], row["edit"]): row["token_ids"]
        for path in paths
        for row in read_table(path, table, columns).to_pylist()
    }


def by_recipient(pairs: Iterable[Row]) -> dict[Key, list[Row]]:
    """The rows of the pairs table by their recipients, in the table's order."""
    groups: dict[Key, list[Row]] = {}
    for pair in pairs:
        groups.setdefault(recipient_key(pair), []).append(pair)
    return groups


def plan_recipients(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    groups: Mapping[Key, Sequence[Row]],
    n_places: int,
) -> list[list[int]]:
    """Numbers of the recipients in batches of like length, in which all have as many donors.

    groups     the rows of the pairs table of each recipient
    n_places   at which each of them is patched by itself, at the last token
    """
    lengths: dict[int, dict[int, int]] = {}
    for number, (key, pairs) in enumerate(groups.items()):
        lengths.setdefault(len(pairs), {})[number] = len(prompts[key])
    return [
        [list(alike)[row] for row in batch]
        for n_donors, alike in sorted(lengths.items(), reverse=True)
        for batch in runner.plan(alike.values(), copied=[n_donors * n_places] * len(alike))
    ]


def recipient_key(pair: Row) -> Key:
    return pair["recipient_example_id"], pair["recipient_edit"]


def donor_key(pair: Row) -> Key | None:
    """Whose activation a row of the pairs table gives; None for a random vector."""
    example = pair["donor_example_id"]
    return None if example is None else (example, pair["donor_edit"])


def random_tokens(seed: int, key: Key, n_tokens: int, besides: Sequence[int]) -> list[int]:
    """As many other tokens of a prompt as there are in `besides`, never its last.

    Each is drawn anew, so that one may come twice; seeded by the prompt, so that every pair with
    this donor gets the same. The prompt's first token stands in where there is no other.
    """
    others = [token for token in range(n_tokens - 1) if token not in besides] or [0]
    rng = np.random.default_rng(seed_of(seed, "position", *key, *map(str, besides)))
    return [others[i] for i in rng.integers(len(others), size=len(besides))]


class Noise:
    """Normal random vectors with the mean and the covariance of some rows.

    values    [..., row, width]
    """

    def __init__(self, values: "torch.Tensor"):
        self.dtype = values.dtype
        self.mean = values.float().mean(dim=-2, keepdim=True)
        # Sums over n rows, weighted by N(0, 1), of these have the rows' covariance.
        self.deviations = (values.float() - self.mean) / max(values.shape[-2] - 1, 1) ** 0.5

    def draw(self, n: int, seed: int, *words: str) -> "torch.Tensor":
        """[..., n, width], seeded by the words, the dtype of the rows."""
        import torch

        rng = np.random.default_rng(seed_of(seed, *words))
        *before, n_rows, _ = self.deviations.shape
        weights = torch.from_numpy(rng.standard_normal((*before, n, n_rows))).float()
        return (self.mean + weights @ self.deviations).to(self.dtype)


def paired_donors(pairs: Iterable[Row]) -> list[Key]:
    """The paired donors, each once, in order; at most NOISE_ROWS."""
    found = {donor_key(pair) for pair in pairs if pair["donor_kind"] == "paired"}
    return sorted(found)[:NOISE_ROWS]


class LastDonors:
    """The residual stream at the last token of every cached prompt, and controls beside it.

    elsewhere   of the donors of `random_position`: the stream at another token, [point, d_model]
    """

    def __init__(
        self,
        caches: Sequence[ActivationCache],
        elsewhere: Mapping[Key, "torch.Tensor"],
        seed: int,
    ):
        self.elsewhere = elsewhere
        self._last = LastResiduals(caches, range(caches[0].n_points))
        noise = Noise(self._last.values)
        # Asked for twice, to name a part and to make it.
        self._noise = lru_cache(maxsize=NOISES_KEPT)(partial(noise.draw, 1, seed))

    def of(self, pair: Row) -> "torch.Tensor":
        """The donor of a row of the pairs table: [point, d_model].

        `random` is drawn anew at each point from the normal distribution that has the mean and the
        covariance of all cached residuals there.
        """
        donor = donor_key(pair)
        if donor is None:
            return self._noise(pair["pair_id"])[:, 0]
        if pair["donor_kind"] == "random_position":
            return self.elsewhere[donor]
        return self._last.of([donor])[:, 0]


def collect_elsewhere(
    runner: BatchRunner, prompts: Mapping[Key, TokenIds], pairs: Sequence[Row], seed: int
) -> dict[Key, "torch.Tensor"]:
    """For each donor of `random_position`, its stream at another token, [point, d_model].

    The caches hold named tokens only, so that these take a forward of each such donor, up to the
    token.
    """
    from fimscope.inference.residuals import collect

    keys = sorted({donor_key(pair) for pair in pairs if pair["donor_kind"] == "random_position"})

    beginnings = []
    for key in keys:
        (token,) = random_tokens(seed, key, len(prompts[key]), [-1])
        beginnings.append(prompts[key][: token + 1])

    def ask(model: "Model", rows: list[int]) -> "dict[str, torch.Tensor]":
        chosen = [beginnings[row] for row in rows]
        return {"elsewhere": collect(model, chosen, [[-1]] * len(rows))}

    batches, kept = runner.plan(map(len, beginnings)), BatchTensors(dict)
    return {
        keys[row]: found["elsewhere"][:, i, 0]
        for rows, found in runner.run("other tokens", batches, ask, beginnings.__getitem__, kept)
        for i, row in enumerate(rows)
    }
