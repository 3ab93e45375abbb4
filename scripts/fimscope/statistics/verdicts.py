"""What an estimate decides: an effect is shown, shown to be absent, or neither."""

import argparse
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fimscope.statistics.estimate import Estimate
from fimscope.statistics.significance import ALPHA, is_clearly_significant

# What so large a share of the programs does is rarely unseen (ALPHA) in so many of them, however
# alike these are: an interval speaks of what it has seen.
UNSEEN = 0.25
FEWEST_ABSENT = math.ceil(math.log(ALPHA) / math.log(1 - UNSEEN))


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
    return _within(estimate, margin) & (estimate.n_programs >= FEWEST_ABSENT)


def _within(estimate: Estimate, margin: float) -> Any:
    return (-margin < estimate.lower) & (estimate.upper < margin)


def verdict_to_come(estimate: Estimate, *, margin: float) -> Verdict:
    """What enough programs would decide, were the estimate the truth.

    SHOWN where 0 is left out before the interval lies within the margin, else SHOWN_ABSENT.
    """
    if _within(estimate, margin):
        return Verdict.SHOWN_ABSENT
    distance = abs(estimate.value)
    return Verdict.SHOWN if distance >= margin - distance else Verdict.SHOWN_ABSENT


def programs_to_decide(estimate: Estimate, *, margin: float) -> int | None:
    """With about how many programs the interval would decide, were the estimate the truth.

    The interval narrows as one over the root of the number of programs, until it leaves out 0 or
    lies within the margin, whichever comes first; FEWEST_ABSENT where only they are wanting. None
    where it has no end or no width, and where it leaves out 0: there the tests of the family are
    too many.
    """
    if _within(estimate, margin):
        return FEWEST_ABSENT
    half = (estimate.upper - estimate.lower) / 2
    if not 0 < half < math.inf or estimate.lower > 0 or estimate.upper < 0:
        return None
    distance = abs(estimate.value)
    wanted = max(distance, margin - distance)
    if not 0 < wanted < half:  # 0: an estimate of 0 without a margin, which no number decides
        return None
    needed = math.ceil(estimate.n_programs * (half / wanted) ** 2)
    return needed if distance >= margin - distance else max(needed, FEWEST_ABSENT)
