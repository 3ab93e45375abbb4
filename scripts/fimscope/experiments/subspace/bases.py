"""Subspaces of the residual stream: those between the types' means, and what stands beside them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.estimate import Floats
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Part:
    """A part of the stream that is written, the rest left as it is.

    kind   whole; types, variance, random or learned: the first `rank` directions of that basis;
           complement: all but those of `types`
    rank   d_model of `whole`
    draw   which random basis; None for another kind
    """

    kind: str
    rank: int
    draw: int | None = None


@dataclass(frozen=True)
class Space:
    """The stream at one point, by the examples that it was fitted on.

    types   [type], sorted
    means   [type, d_model], float64
    shares  [direction], of the scatter between types, descending
    bases   (kind, draw) -> [d_model, direction], orthonormal: the first r span the subspace of rank
            r; `types` has the directions that there are between the types, others as many as asked
    """

    types: list[str]
    means: Floats
    shares: Floats
    bases: Mapping[tuple[str, int | None], Floats]

    @property
    def n_directions(self) -> int:
        return len(self.shares)

    def written(self, part: Part, recipient: "Tensor", donor: "Tensor") -> "Tensor":
        """The recipient [..., d_model] with the donor's values in a part of the stream.

        recipient + P (donor - recipient), P the orthogonal projection on the part; the dtype is the
        recipient's, and `whole` is the donor to the bit.
        """
        import torch

        if part.kind == "whole":
            return donor.to(recipient.dtype)
        kind = "types" if part.kind == "complement" else part.kind
        basis = torch.from_numpy(self.bases[kind, part.draw][:, : part.rank])
        before, change = recipient.double(), donor.double() - recipient.double()
        inside = change @ basis @ basis.T
        written = before + (change - inside if part.kind == "complement" else inside)
        return written.to(recipient.dtype)


def fit_space(
    residuals: NDArray,
    golds: Sequence[str],
    examples: Sequence[str],
    min_examples: int,
    most: int,
    n_random: int,
    seed: int,
) -> Space:
    """The directions between the means of types with at least so many examples.

    residuals   [row, d_model], of right examples, each in one variant or in several
    golds       [row], the type that each is answered with
    examples    [row], of which a type's are counted once each, in however many variants
    most        rank of the other subspaces, at most

    types      singular vectors of the types' means, each weighted by the root of its rows: the
               principal axes of the scatter between classes (Fisher 1936)
    variance   principal axes of the residuals at large, types apart or not
    random     of normal vectors, the same for whatever examples
    With fewer than two types there is no direction.
    """
    residuals = np.asarray(residuals, dtype=np.float64)
    names, codes, counts = np.unique(
        np.asarray(golds, dtype=str), return_inverse=True, return_counts=True
    )
    n_examples = Counter(gold for gold, _ in set(zip(golds, examples, strict=True)))
    kept = [code for code, name in enumerate(names) if n_examples[name] >= min_examples]
    width = residuals.shape[1]
    if len(kept) < 2:
        return Space([], np.zeros((0, width)), np.zeros(0), {})
    means = np.stack([residuals[codes == code].mean(axis=0) for code in kept])
    weights = counts[kept] / counts[kept].sum()
    between = (means - weights @ means) * np.sqrt(weights)[:, None]
    n = min(len(kept) - 1, width)
    _, sizes, axes = np.linalg.svd(between, full_matrices=False)
    inside = residuals[np.isin(codes, kept)]
    _, _, principal = np.linalg.svd(inside - inside.mean(axis=0), full_matrices=False)
    most = min(max(most, n), width)
    bases = {("types", None): axes[:n].T, ("variance", None): principal[:most].T}
    for draw in range(n_random):
        rng = np.random.default_rng(seed_of(seed, "subspace", str(draw)))
        bases["random", draw] = np.linalg.qr(rng.standard_normal((width, most)))[0]
    squares = sizes[:n] ** 2
    return Space(names[kept].tolist(), means, squares / squares.sum(), bases)


def list_parts(space: Space, ranks: Sequence[int], kinds: Sequence[str]) -> list[Part]:
    """The whole stream, and each kind of subspace at each rank that it has."""
    found = [Part("whole", space.means.shape[1])]
    for (kind, draw), basis in space.bases.items():
        own = [rank for rank in ranks if rank <= basis.shape[1]]
        of_kind = [kind, "complement"] if kind == "types" else [kind]
        found += [Part(name, rank, draw) for name in of_kind if name in kinds for rank in own]
    return found


def ladder(ranks: Sequence[int], space: Space) -> list[int]:
    """The ranks that are tried, ascending: those asked for, and all directions between types."""
    return sorted({space.n_directions, *(min(rank, space.means.shape[1]) for rank in ranks)})


def arrival_points(effects: Sequence[Mapping], shares: Sequence[float]) -> list[int]:
    """The points at which the mean effect of a patch first reaches so much, ascending.

    effects   rows of a patches table of the paired donor, of examples that nothing is tested on; a
              null effect does not count
    shares    of the donor's effect, 0 to 1; one that is never reached gives no point
    """
    by_point: dict[int, list[float]] = {}
    for row in effects:
        if row["normalised_effect"] is not None:
            by_point.setdefault(row["point"], []).append(row["normalised_effect"])
    means = {point: np.mean(by_point[point]) for point in sorted(by_point)}
    found = (next((p for p, m in means.items() if m >= share), None) for share in shares)
    return sorted({point for point in found if point is not None})
