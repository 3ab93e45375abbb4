"""What an estimate decides: an effect is shown, shown to be absent, or neither."""

import argparse
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fimscope.statistics.estimate import Estimate
from fimscope.statistics.significance import ALPHA, HAIR, is_clearly_significant

# What so large a share of the programs does is rarely unseen (ALPHA) in so many of them, however
# alike these are: an interval speaks of what it has seen.
UNSEEN = 0.25
FEWEST_ABSENT = math.ceil(math.log(ALPHA) / math.log(1 - UNSEEN))
HALF_OF_STUDIES = 0.5  # that get a verdict with as many programs as are named
MOST_PROGRAMS = 10_000_000  # more are no number to name


class Verdict(StrEnum):
    """Of a claim that something differs from 0."""

    SHOWN = "shown"
    SHOWN_ABSENT = "shown absent"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Margins:
    """Within which of 0 a difference counts as none.

    effect     of normalised effects: 1 is the whole way from the recipient to the donor
    accuracy   of shares of examples, 0 to 1
    """

    effect: float
    accuracy: float

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Margins":
        """Those of a step's command line, which has `add_margin_options`."""
        return cls(args.effect_margin, args.accuracy_margin)


def add_margin_options(parser: argparse.ArgumentParser) -> None:
    """--effect-margin and --accuracy-margin, of which `Margins.of` makes margins."""
    for name, what in (("effect", "normalised effect"), ("accuracy", "difference of accuracies")):
        text = f"a {what} within this of 0 counts as none"
        parser.add_argument(f"--{name}-margin", type=float, required=True, help=text)


def judge(estimate: Estimate, *, margin: float, p: float | None = None) -> Verdict:
    """Whether a difference is shown, shown to be absent, or neither.

    estimate   one difference from 0, not a curve
    margin     within which of 0 a difference counts as none
    p          of its test, adjusted for the tests of its family; None where the interval is the
               test
    returns    SHOWN where the interval excludes 0 and p is significant by more than a HAIR;
               SHOWN_ABSENT where `rules_out` says so; else UNDECIDED
    """
    excludes_zero = estimate.lower > 0 or estimate.upper < 0
    if excludes_zero and (p is None or is_clearly_significant(p)):
        return Verdict.SHOWN
    return Verdict.SHOWN_ABSENT if rules_out(estimate, margin) else Verdict.UNDECIDED


def rules_out(estimate: Estimate, margin: float) -> Any:
    """Whether there is no difference of the margin or more; of a curve, at which points.

    Its whole interval lies within the margin (the two one-sided tests of equivalence, Schuirmann
    1987, at half of ALPHA), and it rests on FEWEST_ABSENT programs or more.
    """
    within = (-margin < estimate.lower) & (estimate.upper < margin)
    return within & (estimate.n_programs >= FEWEST_ABSENT)


def programs_to_decide(
    estimate: Estimate, *, margin: float, p: float | None = None, n_open: int = 1
) -> tuple[int, Verdict] | None:
    """With how many programs half of such studies get a verdict, were the estimate the truth.

    p        of its test, not adjusted; None where the interval is the test
    n_open   tests of its family that are not shown: in the worst case it is the first of them, and
             has to pass at ALPHA, less a HAIR, over their number (Holm 1979)
    returns  the least such number, and the verdict: SHOWN or SHOWN_ABSENT, whichever needs fewer.
             None where the interval has no end or no width, and where no number would do

    The estimate's error goes with one over the root of the number of programs, and so do both its
    interval and the quantile of t that its p is: a test that sees less than the interval asks for
    more. Of absence a part of the studies is lost on either side of the margin.
    """
    half, n = float(estimate.upper - estimate.lower) / 2, estimate.n_programs
    if not 0 < half < math.inf or n < 2:
        return None
    error, distance = half / _quantile(n, ALPHA), abs(float(estimate.value))
    seen = math.inf if p is None else _quantile(n, p)
    level = ALPHA if p is None else (ALPHA - HAIR) / max(n_open, 1)

    def is_shown(wanted: int) -> bool:
        root = math.sqrt(wanted / n)
        excluded = distance / error * root > _quantile(wanted, ALPHA)
        return excluded and min(distance / error, seen) * root > _quantile(wanted, level)

    def is_absent(wanted: int) -> bool:
        own = error * math.sqrt(n / wanted)
        room = margin - _quantile(wanted, ALPHA) * own
        held = _below((room - distance) / own) - _below((-room - distance) / own)
        return room > 0 and held >= HALF_OF_STUDIES

    found = [
        (_least(is_shown, 2), Verdict.SHOWN),
        (_least(is_absent, FEWEST_ABSENT), Verdict.SHOWN_ABSENT),
    ]
    known = [(wanted, verdict) for wanted, verdict in found if wanted is not None]
    return min(known, default=None)


def _least(holds: Callable[[int], bool], start: int) -> int | None:
    """The least number from `start` on for which something holds that then holds of all above."""
    if not holds(MOST_PROGRAMS):
        return None
    return start + bisect_left(range(start, MOST_PROGRAMS), True, key=holds)


def _quantile(n_programs: int, p: float) -> float:
    """The t of so many programs whose two-sided p this is."""
    from scipy.special import stdtrit

    return -float(stdtrit(n_programs - 1, p / 2))


def _below(z: float) -> float:
    """The share of a normal distribution below z."""
    return math.erfc(-z / math.sqrt(2)) / 2
