"""Which other holes are most like one: first those of its name, then those that the model takes so.

The rule. Holes of other programs, of the same kind: first those with the hole's own name, then by
cosine of the original's residual at the last token and the middle point, less the mean of all, as
far as it is above LEAST_COSINE.
Those of its name come in the same order. Where no residuals are given, they come as the table has
them, and there are no others. An explorer of some of a study's examples looks among these alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.explorer.payload import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fimscope.files.activation_cache import ActivationCache

Row = Mapping[str, Any]
MOST = 6  # that are shown of a hole
LEAST_COSINE = 0.1  # two holes drawn at random have one about 0


def directions(cache: "ActivationCache", examples: Sequence[Row]) -> "NDArray[np.float32]":
    """[example, d_model]: the middle point's residual at the last token, less the mean, as units.

    An example that the cache lacks has zeros.
    """
    point = cache.n_points // 2
    values = cache.read(point, "last").float().numpy()
    values = values - values.mean(axis=0)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    rows = [cache.rows.get((example["example_id"], "original")) for example in examples]
    found = np.zeros((len(examples), values.shape[1]), np.float32)
    known = [number for number, row in enumerate(rows) if row is not None]
    found[known] = values[[rows[number] for number in known]]
    return found


class Alike:
    """The holes most like each, among the examples that are shown.

    units   of `directions`; None where the study has cached none
    """

    def __init__(self, examples: Sequence[Row], units: "NDArray[np.float32] | None"):
        self.units = units
        self.names, self.kinds, self.programs = (
            np.unique([str(row[key]) for row in examples], return_inverse=True)[1]
            for key in ("name", "kind", "program_id")
        )

    def of(self, number: int) -> list[tuple[int, bool, float | None]]:
        """(number of the example, whether it has the same name, cosine), the most alike first."""
        same = self.names == self.names[number]
        allowed = (self.kinds == self.kinds[number]) & (self.programs != self.programs[number])
        if self.units is None:
            cosines = np.zeros(len(same))
            allowed &= same
        else:
            cosines = self.units @ self.units[number]
            allowed &= same | (cosines > LEAST_COSINE)
        order = np.lexsort((-cosines, ~same))
        chosen = order[allowed[order]][:MOST].tolist()
        return [(n, bool(same[n]), self._cosine(number, n)) for n in chosen]

    def _cosine(self, number: int, other: int) -> float | None:
        """None where the study has no residual of one of the two."""
        if self.units is None or not (self.units[number].any() and self.units[other].any()):
            return None
        return rounded(float(self.units[number] @ self.units[other]), 3)

    def note(self, number: int) -> str:
        """Why the list of an example is empty, or by what alone it was made; else nothing."""
        if self.units is None:
            among = "The study has cached no residuals: holes are compared by name alone."
        elif not self.units[number].any():
            among = "The study has no residual of this hole: others are compared by name alone."
        else:
            among = ""
        if self.of(number):
            return among
        inside = "" if among else f", nor a cosine above {LEAST_COSINE}"
        none = (
            f"None: of the {len(self.names)} holes of this explorer, none of the same kind in "
            f"another program has this name{inside}."
        )
        return " ".join(filter(None, (none, among)))
