"""Rates and their differences where rows hang together in more ways than by program."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, significant
from fimscope.statistics.paired import paired_rates

Names = Sequence[str] | NDArray


def crossed_rates(
    differences: NDArray[np.float64], programs: Names, others: Sequence[Names]
) -> Numbers:
    """As `paired_rates`, with an interval over programs and other units at once.

    others   [unit][example], as the names that were planted; without one it is `paired_rates`

    p is the greater of the sign test's over programs and the t test's over all units.
    """
    found = paired_rates(differences, programs)
    if not others or not found["n"]:
        return found
    crossed = Crossed.by(differences, programs, others)
    p = max(found["p"], significant(crossed.p()))
    return {**found, **crossed.difference().numbers(), "p": p}


@dataclass(frozen=True)
class Crossed(Clustered):
    """Rows of programs that other units cut across: one name that was planted in many programs.

    units   the rows by each unit, the program first; the fields of `Clustered` are by program
    shared  (sign, rows by what some of the units have in common), of every choice of units

    The variance of a mean is that over each unit alone, less what any two have in common, and so on
    (Cameron, Gelbach & Miller 2011), each by the jackknife; no less than that of any unit alone
    (MacKinnon, Nielsen & Webb 2024, arXiv 2406.08880). The degrees of freedom are those of the unit
    with the fewest, where names are worth their effective number: (sum of sizes) ** 2 over the sum
    of sizes ** 2 (Kish 1965). With one cluster of a unit the interval is all that is possible. They
    speak of new programs and of new names at once.
    """

    units: tuple[Clustered, ...]
    shared: tuple[tuple[int, Clustered], ...]

    @classmethod
    def by(cls, values: NDArray, programs: Names, others: Sequence[Names]) -> "Crossed":
        """Rows by program and by other units; as `Clustered.of`."""
        codes = [np.unique(np.asarray(own), return_inverse=True)[1] for own in (programs, *others)]
        shared = [
            (-1 if n % 2 == 0 else 1, Clustered.of(values, _together(chosen)))
            for n in range(1, len(codes) + 1)
            for chosen in combinations(codes, n)
        ]
        units = tuple(rows for _, rows in shared[: len(codes)])
        return cls(**vars(units[0]), units=units, shared=tuple(shared))

    def p(self) -> Floats:
        """[...], two-sided, of a mean of 0: a t test with the variance of the intervals."""
        from scipy.special import stdtr

        if self._fewest == 1:
            return np.ones_like(self.value)
        error = np.sqrt(self._variance())
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.value == 0, 0.0, np.abs(self.value) / error)
        return 2 * stdtr(self._freedom_of_rates(), -ratio)

    def _variance(self) -> Floats:
        each = [own._variance() for own in self.units]
        of_all = sum(sign * rows._variance() for sign, rows in self.shared)
        return np.maximum.reduce([*each, of_all])

    @property
    def _fewest(self) -> int:
        return min(rows.n_clusters for rows in self.units)

    def _skewness(self) -> Floats:
        return np.zeros_like(self.value)  # of several units it is no one's

    def _freedom(self) -> float:
        return self._freedom_of_rates()

    def _freedom_of_rates(self) -> float:
        programs, *others = self.units
        return min([programs.n_clusters - 1, *(_effective_number(own) - 1 for own in others)])


def _effective_number(rows: Clustered) -> float:
    """As many clusters of one size are worth these; no less than two."""
    return max(2.0, float(rows.sizes.sum() ** 2 / (rows.sizes**2).sum()))


def _together(codes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """[row], a number for each combination of codes [row]."""
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()
