"""Intervals of means, rates and differences of rates whose rows hang together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Estimate, Floats
from fimscope.statistics.rates import paired_interval, wilson_interval
from fimscope.statistics.significance import LEVEL

ROUNDING = 1e-9  # what floats may add to a share, and the least variance that is one
LEAST_SKEW = 1e-6  # below it the correction is nothing, and its formula 0 / 0
MOST_BENT = 0.75  # of 1, what skewness may add to it under the cube root
FEWEST_SKEWED = 7  # clusters whose skewness is used: of fewer it is chance, and covers no better


@dataclass(frozen=True)
class Clustered:
    """Rows that hang together within clusters, and the means of each column.

    value        [...], the mean of all rows: one number or one at every point
    absolute     [...], the mean of their absolute values
    squares      [...], the mean of their squares
    least, most  [...], the ends of the values
    sums         [cluster, ...], over a cluster's rows, of value minus mean
    sizes        [cluster], its rows

    A cluster is a program, and the intervals speak of new programs of the same packages; or it is
    a package, and they speak of new packages.

    `mean`, `rate` and `difference` give intervals of 95%, each of which holds for one point at a
    time. All rest on the jackknife over clusters (Bell & McCaffrey 2002, their JK) and on a t
    distribution with as many degrees of freedom as clusters less one; that of a mean effect has as
    many as clusters of these sizes are worth. With one cluster the interval is all that is
    possible. docs/method.md has how often they cover.
    """

    value: Floats
    absolute: Floats
    squares: Floats
    least: Floats
    most: Floats
    sums: Floats
    sizes: Floats

    @classmethod
    def of(cls, values: NDArray, clusters: Sequence[str] | NDArray) -> "Clustered":
        """Rows by their clusters.

        values     [row] or [row, point], finite; booleans count as 0 and 1
        clusters   [row], the cluster of each row, by its name or its place among the sorted names
        raises     ValueError without rows, or with a value that is not finite
        """
        values = np.asarray(values, dtype=np.float64)
        if not len(values) or len(values) != len(clusters):
            raise ValueError(f"values [row, ...] and clusters [row] differ: {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("values must be finite; leave out the rows without a value first")
        codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes)
        value = values.mean(axis=0)
        starts = np.cumsum(sizes) - sizes
        return cls(
            value,
            np.abs(values).mean(axis=0),
            (values**2).mean(axis=0),
            values.min(axis=0),
            values.max(axis=0),
            np.add.reduceat((values - value)[order], starts),
            sizes.astype(np.float64),
        )

    @property
    def n_clusters(self) -> int:
        return len(self.sizes)

    def without_each(self) -> Floats:
        """The mean of all rows but one cluster's, [cluster, ...]; with one cluster, of none."""
        rest = self._by_cluster(self.sizes.sum() - self.sizes)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.value - self.sums / rest

    def mean(self, n_tests: int = 1) -> Estimate:
        """Of values of any size: the t interval, made as skew as its clusters (Hall 1992).

        n_tests   so many means hold at once in 95% (Bonferroni)

        Hall's map runs away where skewness times quantile passes the root of the number of
        clusters: few of them, or an outlier, put one end three times as far off as it should be.
        The skewness is therefore held to MOST_BENT of that. No side is then longer than 1.6 times
        that of the t interval, or shorter than 0.79 times.
        """
        n = self.n_clusters
        if self._fewest == 1:
            return self._estimate(np.full_like(self.value, -np.inf), np.inf)
        q, root = _quantile(self._freedom(), n_tests), np.sqrt(n)
        most = MOST_BENT * root / q
        skew = np.clip(self._skewness(), -most, most)
        skew = np.where(np.abs(skew) < LEAST_SKEW, LEAST_SKEW, skew)
        error = np.sqrt(self._variance())

        def end(t: float) -> Floats:
            bent = np.cbrt(1 + skew * (t / root - skew / (6 * n))) - 1
            return self.value - error * 3 * root / skew * bent

        return self._estimate(end(q), end(-q))

    def rate(self) -> Estimate:
        """Of values from 0 to 1: Wilson's interval (1927) with the effective n.

        raises ValueError for a value outside of 0 to 1
        """
        self._require(0, 1)
        if self._fewest == 1:
            return self._estimate(np.zeros_like(self.value), 1)
        rate = np.clip(self.value, 0, 1)
        ends = wilson_interval(
            rate, self._effective_n(rate * (1 - rate)), _quantile(self._freedom_of_rates())
        )
        return self._estimate(ends.lower, ends.upper)

    def difference(self) -> Estimate:
        """Of paired differences of rates, -1 to 1, with the effective n.

        Where each is 0, 1 or -1, Tango's score interval (1998). Rates that are means of several
        answers have smaller steps: there the adjusted Wald interval of Bonett & Price (2012), one
        row more that rises and one that falls by as much as those that change do.

        raises ValueError for a value outside of -1 to 1
        """
        self._require(-1, 1)
        if self._fewest == 1:
            return self._estimate(np.full_like(self.value, -1), 1)
        n, q = self._effective_n(self.squares - self.value**2), _quantile(self._freedom_of_rates())
        rises, falls = ((self.absolute + sign * self.value) / 2 for sign in (1, -1))
        single = paired_interval(n * rises, n * falls, n, q)
        changed = self.absolute > 0
        step = np.where(changed, self.squares / np.where(changed, self.absolute, 1), 1)
        mean, squares = n * self.value / (n + 2), (n * self.squares + 2 * step**2) / (n + 2)
        half = q * np.sqrt((squares - mean**2) / (n + 2))
        is_single = self.absolute - self.squares < ROUNDING
        lower = np.where(is_single, single.lower, np.maximum(mean - half, -1))
        upper = np.where(is_single, single.upper, np.minimum(mean + half, 1))
        return self._estimate(lower[()], upper[()])

    def _variance(self) -> Floats:
        """Of the mean, by the jackknife."""
        n = self.n_clusters
        return (n - 1) / n * ((self.without_each() - self.value) ** 2).sum(axis=0)

    def _skewness(self) -> Floats:
        """Of a cluster's sum: a sample's, corrected for its bias (G1 of Joanes & Gill 1998)."""
        n = self.n_clusters
        if n < FEWEST_SKEWED:
            return np.zeros_like(self.value)
        spread = (self.sums**2).mean(axis=0)
        skew = (self.sums**3).mean(axis=0) / np.where(spread > 0, spread, 1) ** 1.5
        return skew * np.sqrt(n * (n - 1)) / (n - 2)

    def _freedom(self) -> float:
        """Degrees of freedom of the mean's variance, were clusters alike but for their sizes: those
        of clusters of one size that vary as much (Satterthwaite 1946)."""
        weights = self.sizes**2
        return max(1.0, float(weights.sum() ** 2 / (weights**2).sum()) - 1)

    @property
    def _fewest(self) -> int:
        return self.n_clusters

    def _freedom_of_rates(self) -> float:
        return self.n_clusters - 1

    def _effective_n(self, variance: Floats) -> Floats:
        """As many independent rows of this variance would have the mean's error.

        Where all clusters are alike the data do not say; each then counts as one row.
        """
        of_mean = self._variance()
        known = of_mean > ROUNDING**2
        return np.where(known, variance / np.where(known, of_mean, 1), self._fewest)

    def _require(self, least: int, most: int) -> None:
        if (self.least < least - ROUNDING).any() or (self.most > most + ROUNDING).any():
            raise ValueError(f"values must lie from {least} to {most}")

    def _by_cluster(self, values: Floats) -> Floats:
        """[cluster] in the shape of `sums`."""
        return values.reshape(-1, *[1] * np.ndim(self.value))

    def _estimate(self, lower: Floats, upper: Floats | float) -> Estimate:
        ends = lower, np.broadcast_to(upper, lower.shape).copy()
        return Estimate(self.value, *ends, int(self.sizes.sum()), self.n_clusters)


def _quantile(freedom: float, n_tests: int = 1) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, (1 - LEVEL) / 2 / n_tests))
