"""A linear map from the residual of one point to that of the last, in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Floats


@dataclass(frozen=True)
class LinearMap:
    """What the blocks from a point on add, as a linear function: x + (x - centre) @ weights + mean.

    weights  [d_model, d_model]
    centre   [d_model], the mean residual of the point
    mean     [d_model], what is added on average
    """

    weights: Floats
    centre: Floats
    mean: Floats

    def __call__(self, residuals: NDArray) -> Floats:
        """[example, d_model] of the point -> the same of the last point, float64."""
        return residuals + ((residuals - self.centre) @ self.weights + self.mean)


def fit_maps(residuals: NDArray, last: NDArray, penalties: Sequence[float]) -> list[LinearMap]:
    """The ridge regressions of the last point's residual on an earlier one's, one a penalty.

    residuals   [example, d_model], of the earlier point
    last        [example, d_model], of the last point, in the same order
    penalties   in units of the residuals' mean variance over dimensions; above 0
    raises      ValueError without examples

    Linear shortcuts between layers (Din et al., arXiv 2303.09435). What is penalised is the map's
    distance from the identity, as in the tuned lens (Belrose et al., arXiv 2303.08112): the
    strongest penalty leaves the logit lens but for a shift, and the last point's own map is the
    identity under any penalty.
    """
    if not len(residuals) or len(residuals) != len(last):
        raise ValueError(f"{len(last)} last residuals for residuals {residuals.shape}")
    residuals = np.asarray(residuals, dtype=np.float64)
    added = np.asarray(last, dtype=np.float64) - residuals
    centre, mean = residuals.mean(axis=0), added.mean(axis=0)
    left, sizes, right = np.linalg.svd(residuals - centre, full_matrices=False)
    unit = np.square(sizes).sum() / residuals.shape[1] or 1.0  # all alike: any unit does
    seen = left.T @ (added - mean)
    return [
        LinearMap(right.T @ ((sizes / (sizes**2 + l2 * unit))[:, None] * seen), centre, mean)
        for l2 in penalties
    ]


def choose_map(
    residuals: NDArray,
    last: NDArray,
    penalties: Sequence[float],
    select_residuals: NDArray,
    select_last: NDArray,
) -> tuple[LinearMap, float]:
    """The map of the penalty that comes nearest to the last residuals of `select`, and the penalty.

    Nearest by the sum of squares; of equally near ones, and where `select` has no example, the
    strongest penalty.
    """
    ordered = sorted(penalties, reverse=True)
    maps = fit_maps(residuals, last, ordered)
    errors = [squares(found(select_residuals), select_last).sum() for found in maps]
    best = int(np.argmin(errors))
    return maps[best], ordered[best]


def squares(one: NDArray, other: NDArray) -> Floats:
    """[example], squared distances of rows, float64."""
    return np.square(np.asarray(one, dtype=np.float64) - other).sum(axis=1)
