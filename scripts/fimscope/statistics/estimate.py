"""A mean with its interval, and what it rests on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.numbers import Numbers, number

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Lower and upper ends, each a float array [point], or one float each."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Estimate:
    """Means of n rows of n_programs programs, each with its interval.

    value, lower, upper   [...], one number or one at every point
    """

    value: Floats
    lower: Floats
    upper: Floats
    n: int
    n_programs: int

    def __getitem__(self, points: Any) -> "Estimate":
        """Those at some of the points."""
        return self.map(lambda values: values[points])

    def map(self, change: Callable[[Floats], Floats]) -> "Estimate":
        """The same after a change of value and ends that keeps their order."""
        return replace(
            self,
            value=change(self.value),
            lower=change(self.lower),
            upper=change(self.upper),
        )

    def within(self, least: float, most: float) -> "Estimate":
        """The same, with no end where no mean can be."""
        return self.map(lambda values: np.clip(values, least, most))

    def ends(self) -> Numbers:
        """estimate, lower and upper as they stand in JSON: a number each, or a list by point."""
        return {
            "estimate": number(self.value),
            "lower": number(self.lower),
            "upper": number(self.upper),
        }

    def numbers(self) -> Numbers:
        """As `ends`, with n and n_programs."""
        return {"n": self.n, "n_programs": self.n_programs, **self.ends()}
