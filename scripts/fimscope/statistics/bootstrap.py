"""Rows by program: intervals of their means, and draws of whole programs for what has none."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Floats, Interval
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.significance import LEVEL

DRAWS_AT_ONCE = 1_000  # bounds the memory of the [draw, program] counts
WEIGHTS_AT_ONCE = 1_000_000  # of draws times programs: 8 MB


def add_bootstrap_options(parser: argparse.ArgumentParser) -> None:
    """--draws and --seed, of which `Bootstrap.of` makes a bootstrap."""
    parser.add_argument("--draws", type=int, required=True, help="draws of the bootstrap")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")


@dataclass(frozen=True)
class Resampled(Clustered):
    """Rows by program, whose means are also to be had over resampled programs."""

    bootstrap: "Bootstrap"

    @cached_property
    def draws(self) -> Floats:
        """[draw, ...], the mean in each draw of programs; for where a curve reaches half."""
        sums = self.sums.reshape(self.n_clusters, -1)
        deviations = [
            weights @ sums / (weights @ self.sizes)[:, None]
            for weights in self.bootstrap.weights(self.n_clusters)
        ]
        return self.value + np.concatenate(deviations).reshape(-1, *np.shape(self.value))


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
        """Rows [row] or [row, point] by program, as `Clustered.of`; nothing is drawn before asked.

        All rows of a program are drawn together.
        """
        return Resampled(**vars(Clustered.of(values, programs)), bootstrap=self)

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
