"""The cluster bootstrap: intervals of means where the program, not the example, is the unit."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Estimate, Floats, Interval
from fimscope.statistics.rates import wilson_interval
from fimscope.statistics.significance import LEVEL

DRAWS_AT_ONCE = 1_000  # bounds the memory of the [draw, program] counts
WEIGHTS_AT_ONCE = 1_000_000  # of draws times programs: 8 MB


def add_bootstrap_options(parser: argparse.ArgumentParser) -> None:
    """--draws and --seed, of which `Bootstrap.of` makes a bootstrap."""
    parser.add_argument("--draws", type=int, required=True, help="draws of the bootstrap")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")


@dataclass(frozen=True)
class Resampled:
    """Means over rows, and the same means over resampled programs.

    value   [...], the mean of all rows: one number or one at every point
    draws   [draw, ...], the mean in each bootstrap draw
    """

    value: Floats
    draws: Floats
    n: int
    n_programs: int

    def mean(self) -> Estimate:
        """With percentile intervals, each of which holds for one point at a time."""
        ends = middle(self.draws)
        return Estimate(self.value, ends.lower, ends.upper, self.n, self.n_programs)

    def rate(self) -> Estimate:
        """As `mean`, of shares of rows.

        Where every row is 0 or every row is 1 the draws all agree and their percentiles would claim
        certainty: there the Wilson interval of that many programs stands in.
        """
        ends = middle(self.draws)
        lower, upper = ends.lower, ends.upper
        for share in (0, 1):
            wilson = wilson_interval(share * self.n_programs, self.n_programs)
            lower = np.where(self.value == share, wilson.lower, lower)
            upper = np.where(self.value == share, wilson.upper, upper)
        return Estimate(self.value, lower, upper, self.n, self.n_programs)


@dataclass(frozen=True)
class Bootstrap:
    """So many draws of programs with replacement, from a seed.

    The pairs cluster bootstrap (Cameron, Gelbach & Miller 2008, section III; for evaluations of
    language models: Miller 2024, arXiv 2411.00640).
    """

    draws: int
    seed: int = 0

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Bootstrap":
        """That of a step's command line, which has `add_bootstrap_options`."""
        return cls(args.draws, args.seed)

    def resample(self, values: NDArray, programs: Sequence[str] | NDArray) -> Resampled:
        """Means of rows, and their spread when programs are drawn with replacement.

        values     [row] or [row, point], finite; booleans count as 0 and 1
        programs   [row], the program of each row, by its name or its place among the sorted names;
                   all rows of a program are drawn together
        raises     ValueError without rows, or with a value that is not finite
        """
        values = np.asarray(values, dtype=np.float64)
        if not len(values) or len(values) != len(programs):
            raise ValueError(f"values [row, ...] and programs [row] differ: {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("values must be finite; leave out the rows without a value first")
        shape, values = values.shape[1:], values.reshape(len(values), -1)
        names, codes = np.unique(np.asarray(programs), return_inverse=True)
        counts = np.bincount(codes, minlength=len(names)).astype(np.float64)
        value = values.mean(axis=0)
        sums = np.zeros((len(names), values.shape[1]))
        np.add.at(sums, codes, values - value)
        deviations = [
            weights @ sums / (weights @ counts)[:, None] for weights in self.weights(len(names))
        ]
        draws = value + np.concatenate(deviations)
        return Resampled(value.reshape(shape), draws.reshape(-1, *shape), len(values), len(names))

    def weights(self, n_programs: int) -> Iterator[Floats]:
        """How often each program is in each draw, [draw, program], a chunk of draws at a time."""
        generator = np.random.default_rng(self.seed)
        chances = np.full(n_programs, 1 / n_programs)
        at_once = max(1, min(DRAWS_AT_ONCE, WEIGHTS_AT_ONCE // max(n_programs, 1)))
        for start in range(0, self.draws, at_once):
            size = min(at_once, self.draws - start)
            yield generator.multinomial(n_programs, chances, size=size).astype(np.float64)


def middle(draws: NDArray, method: str = "linear") -> Interval:
    """The middle 95% of draws [draw, ...]: percentiles, between draws as numpy's method has it."""
    tail = (1 - LEVEL) / 2
    return Interval(*np.quantile(draws, [tail, 1 - tail], axis=0, method=method))
