"""What a patch made of two whole types: the measures of the table of whole patches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.patch.measures import KEYS

if TYPE_CHECKING:
    from fimscope.interventions.whole_answers import WholeAnswers

Row = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TypeLogprobs:
    """Log-probabilities of the tokens of target and foil, [..., token] each."""

    target: Floats
    foil: Floats

    def difference(self, join: Callable[..., Floats]) -> Floats:
        """[...], target minus foil, each its tokens joined: by np.sum or np.mean."""
        return join(self.target, axis=-1) - join(self.foil, axis=-1)


@dataclass(frozen=True)
class WholeSwept:
    """A row of the whole_pairs table, and what its patch makes of its two types.

    patched   of every point, [point, token]
    before    without a patch, [token]
    turned    [point] bool, greedy decoding begins with the target
    """

    pair: Row
    patched: TypeLogprobs
    before: TypeLogprobs
    turned: NDArray[np.bool_]


def types_of(pair: Row) -> tuple[list[int], list[int]]:
    """The tokens of target and foil, in the order in which they are asked for."""
    return pair["target_token_ids"], pair["foil_token_ids"]


def swept_pairs(swept: "WholeAnswers", example: int, pairs: Sequence[Row]) -> Iterator[WholeSwept]:
    """What a sweep made of the rows of one pair, whose donors it has in this order."""
    patched, before = swept.patched[:, example].double(), swept.baseline[example].double()
    for donor, pair in enumerate(pairs):
        yield WholeSwept(
            pair=pair,
            patched=logprobs_of(pair, patched[:, donor].numpy()),
            before=logprobs_of(pair, before.numpy()),
            turned=swept.greedy[:, example, donor, 0].numpy(),
        )


def logprobs_of(pair: Row, values: Floats) -> TypeLogprobs:
    """Those of a pair's two types out of [..., answer, token], which has 0 behind the shorter."""
    target, foil = (values[..., n, : len(own)] for n, own in enumerate(types_of(pair)))
    return TypeLogprobs(target, foil)


def patch_rows(
    swept: Sequence[WholeSwept], donors: Mapping[str, TypeLogprobs], min_gap: float
) -> Iterator[Row]:
    """Rows of the whole_patches table, point by point.

    donors    of each pair, in the paired donor's own run, [token]
    min_gap   in nats

    The normalised effect is 0 at the recipient's difference and 1 at the paired donor's own, null
    where the two are nearer than min_gap. Of types of several tokens it need not be 1 at the last
    point: what is patched there decides the first token alone.
    """
    for one in swept:
        donor = donors[one.pair["pair_id"]]
        diffs, before, own = (part.difference(np.sum) for part in (one.patched, one.before, donor))
        means = [part.difference(np.mean) for part in (one.patched, one.before, donor)]
        effects, mean_effects = (
            _effects(*parts, min_gap) for parts in ((diffs, before, own), means)
        )
        for point, target in enumerate(one.patched.target):
            yield {
                **{name: one.pair[of_pairs] for name, of_pairs in KEYS.items()},
                "point": point,
                "target_logprob": target.sum(),
                "foil_logprob": one.patched.foil[point].sum(),
                "logprob_diff": diffs[point],
                "recipient_logprob_diff": before,
                "donor_logprob_diff": own,
                "normalised_effect": effects[point],
                "mean_logprob_diff": means[0][point],
                "mean_effect": mean_effects[point],
                "turned": bool(one.turned[point]),
                "token_logprobs": target.tolist(),
                "recipient_token_logprobs": one.before.target.tolist(),
                "donor_token_logprobs": donor.target.tolist(),
            }


def _effects(diffs: Floats, before: float, donor: float, min_gap: float) -> list[float | None]:
    gap = donor - before
    if not abs(gap) >= min_gap:
        return [None] * len(diffs)
    return ((diffs - before) / gap).tolist()
