"""Circuits from the attributed effects of edges."""

import numpy as np
from numpy.typing import NDArray

Effects = NDArray[np.floating]


def size_of(share: float, n_edges: int) -> int:
    """How many edges a circuit of this share of them has; one at least."""
    return max(1, round(share * n_edges))


def circuit_of(effects: Effects, n: int) -> NDArray[np.int64]:
    """The n edges of the largest mean effect, whatever its sign, the largest first.

    effects   [run, edge]
    """
    return largest_edges(effects.mean(axis=0, dtype=np.float64), n)


def largest_edges(effects: Effects, n: int) -> NDArray[np.int64]:
    """The n edges of the largest effect [edge], the largest first; of equal ones the lower."""
    sizes = np.abs(effects)
    least = np.partition(sizes, -n)[-n] if n < len(sizes) else 0
    among = np.flatnonzero(sizes >= least)
    return among[np.argsort(-sizes[among], kind="stable")][:n]


def checked_edges(effects: Effects, n: int) -> NDArray[np.int64]:
    """Of one run, edges to hold the estimate against: the n / 2 largest, and as many below them.

    effects   [edge]

    Those below are spread over the ranking by equal factors, as effects fall off.
    """
    order = largest_edges(effects, len(effects))
    below = np.geomspace(max(1, n // 2), len(order) - 1, n - n // 2 + 1)[1:]
    ranks = np.unique([*range(n // 2), *below.round().astype(int)])
    return order[ranks[ranks < len(order)]]
