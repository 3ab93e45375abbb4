"""What donors of whole types give: the stream of their prompts, and random ones beside it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import (
    NOISES_KEPT,
    Key,
    Noise,
    TokenIds,
    donor_key,
    random_tokens,
)
from fimscope.experiments.patch.streams import Stream, collect_streams
from fimscope.inference.batching import BatchRunner

if TYPE_CHECKING:
    import torch

Row = Mapping[str, Any]


class WholeDonors:
    """The residual stream at the last token of the donors of some pairs, and controls beside it.

    streams   of every prompt that is a donor, at the tokens that `donor_tokens` names
    """

    def __init__(self, streams: Mapping[Key, Stream], prompts: Mapping[Key, TokenIds], seed: int):
        import torch

        self._streams, self._prompts, self._seed = streams, prompts, seed
        noise = Noise(torch.stack([own.values[:, -1] for own in streams.values()], dim=1))
        # Asked for twice, to name a part and to make it.
        self._noise = lru_cache(maxsize=NOISES_KEPT)(partial(noise.draw, 1, seed))

    def of(self, pair: Row) -> "torch.Tensor":
        """The donor of a row of the pairs table: [point, d_model].

        `random` is drawn anew at each point from the normal distribution that has the mean and the
        covariance of the donors' last residuals there.
        """
        key = donor_key(pair)
        if key is None:
            return self._noise(pair["pair_id"])[:, 0]
        (token,) = donor_tokens(pair, self._prompts, self._seed)
        return self._streams[key].at([token], slice(None))[:, 0]


def donor_tokens(pair: Row, prompts: Mapping[Key, TokenIds], seed: int) -> list[int]:
    """The token of the donor's prompt that it is read at: the last, or another one."""
    key = donor_key(pair)
    n_tokens = len(prompts[key])
    if pair["donor_kind"] == "random_position":
        return random_tokens(seed, key, n_tokens, [n_tokens - 1])
    return [n_tokens - 1]


def collect_donors(
    runner: BatchRunner, prompts: Mapping[Key, TokenIds], pairs: Sequence[Row], seed: int
) -> dict[Key, Stream]:
    """The streams of all donors of some pairs, in a forward of each."""
    tokens: dict[Key, set[int]] = {}
    for pair in pairs:
        if (key := donor_key(pair)) is not None:
            tokens.setdefault(key, {len(prompts[key]) - 1}).update(
                donor_tokens(pair, prompts, seed)
            )
    return collect_streams(runner, prompts, tokens, {})
