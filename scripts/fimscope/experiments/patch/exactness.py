"""What a patch with the recipient's own activation, which must change nothing, may change."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fimscope.errors import UserError
from fimscope.files.tables import read_manifest
from fimscope.statistics.numbers import Numbers

# Half the distance from 1 to the next number (Higham 2002, section 2.1).
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
# Logits of first choices are 20 to 30; the numbers of a dtype from 16 to 32 are equally far apart.
LEAST_LOGIT, MOST_LOGIT = 16, 32
TOLERANCE = 1e-3  # logits, to which every fast path is the plain one in float32, by the tests
STRICTEST, USUAL_GAP = "float32", 0.5  # of a table that does not say how it was made
STANDARD_ERRORS = 4  # seldom passed by any of a few hundred means
SHOWN_FROM = 1e-3  # what is less is no effect: a sweep's effects have three decimals


@dataclass(frozen=True)
class Rounding:
    """What the dtype that a model ran in may change of a normalised effect.

    dtype     of the model's run, as the tables' manifests have it
    min_gap   in logits, the least between donor and recipient of an effect
    """

    dtype: str
    min_gap: float

    @classmethod
    def of(cls, path: Path) -> "Rounding":
        """That of a table of patches, by its manifest; of a user's own table the strictest."""
        try:
            settings = read_manifest(path).get("settings", {})
        except UserError:
            settings = {}
        return cls(settings.get("dtype", STRICTEST), settings.get("min_gap", USUAL_GAP))

    @property
    def step(self) -> float:
        """Between a logit of LEAST_LOGIT to MOST_LOGIT and the next, in logits."""
        return UNIT_ROUNDOFF[self.dtype] * MOST_LOGIT

    @property
    def limit(self) -> float:
        """Of one recipient's effect: target and foil each come out as the next number, at the least
        gap; no less than the tolerance of the fast paths."""
        return 2 * max(self.step, TOLERANCE) / self.min_gap

    def mean_limit(self, n: int) -> float:
        """Of the mean effect of n recipients: STANDARD_ERRORS of it.

        A logit that lies anywhere between two numbers and comes out as either, the nearer oftener,
        changes by `step` with a variance of a third of its square; target and foil do.
        """
        spread = math.sqrt(2 / 3) * self.limit / 2
        return min(self.limit, max(STANDARD_ERRORS * spread / math.sqrt(n), SHOWN_FROM))


def exactness_numbers(sweeps: Sequence[Numbers], rounding: Rounding) -> Numbers | None:
    """What `self` changes at most in some sweeps, of one recipient and of the mean at a point.

    sweeps    numbers of `sweep_numbers`
    returns   dtype, min_gap, step in logits; largest, limit; largest_mean, and mean_limit, that of
              the sweep it is of; is_exact, whether every sweep is within both. None where none has
              `self`
    """
    found = list(_self_changes(sweeps))
    if not found:
        return None
    mean, n = max((mean, n) for _, mean, n in found)
    return {
        "dtype": rounding.dtype,
        "min_gap": rounding.min_gap,
        "step": rounding.step,
        "largest": max(largest for largest, _, _ in found),
        "limit": rounding.limit,
        "largest_mean": mean,
        "mean_limit": rounding.mean_limit(n),
        "is_exact": all(
            largest <= rounding.limit and mean <= rounding.mean_limit(n)
            for largest, mean, n in found
        ),
    }


def _self_changes(sweeps: Sequence[Numbers]) -> Iterator[tuple[float, float, int]]:
    """Of each sweep with `self` its largest change, the largest mean of a point, and of how many"""
    for sweep in sweeps:
        own: Mapping = sweep["effects"].get("self")
        if own:
            yield sweep["largest_self_effect"], max(map(abs, own["estimate"])), own["n_pairs"]


def say_exactness(found: Numbers | None) -> list[str]:
    """What `self` changes at most, beside what its dtype may change; nothing where that is nothing.

    found   of `exactness_numbers`
    """
    if found is None or (found["largest"] <= SHOWN_FROM and found["is_exact"]):
        return []
    trust = (
        "the sweeps are exact to that only" if found["is_exact"] else "do not trust these sweeps"
    )
    return [
        f"Patching a recipient with itself changes it by up to {found['largest']:.3f} of the way "
        f"to its donor, and the mean at a point by up to {found['largest_mean']:.3f}, where it "
        f"must change nothing; {_say_limits(found)}: {trust}."
    ]


def _say_limits(found: Numbers) -> str:
    """Where the limits come from."""
    cause = (
        f"a logit of {LEAST_LOGIT} to {MOST_LOGIT} is known to {found['step']:.3g} in "
        f"{found['dtype']}, which"
        if found["step"] > TOLERANCE
        else f"{found['dtype']} and the order of its sums"
    )
    return (
        f"{cause} may make {found['limit']:.2g} of one recipient whose gap is the least, "
        f"{found['min_gap']:g}, and {found['mean_limit']:.2g} of the mean of so many"
    )
