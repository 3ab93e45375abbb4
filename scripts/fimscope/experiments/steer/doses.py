"""Doses: which vector goes into which example, where and at which strength."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimscope.experiments.steer.settings import MAIN, RANDOMISED, Setting
from fimscope.experiments.steer.vectors import VectorSet

if TYPE_CHECKING:
    import torch

Window = tuple[int, ...]

# One vector an example, and a setting of its own: tried at every point and strength of `select`.
FITTED = (MAIN, "gold_type", "majority_type")
# One vector an example, held against the mean difference at its setting.
AT_ITS_SETTING = ("zero", "flipped", "held_out_type")


@dataclass(frozen=True)
class Dose:
    """A vector and its strength, in units of the residual's mean norm at each point.

    Without a strength the vector is added as it is.
    """

    kind: str
    vector: str
    strength: float | None


NOTHING = Dose("none", "none", 0.0)


def windows_of(n_points: int, width: int) -> list[Window]:
    """Every point alone, then every run of `width` adjacent points, from the first on."""
    single = [(point,) for point in range(n_points)]
    if not 1 < width <= n_points:
        return single
    return single + [tuple(range(p, p + width)) for p in range(n_points - width + 1)]


def doses_of_kinds(
    vectors: VectorSet, gold: str, kinds: Sequence[str], strengths: Sequence[float]
) -> list[Dose]:
    """Each kind's vector for a gold type at each strength; a kind without a vector is left out."""
    found = []
    for kind in kinds:
        vector = vectors.for_gold(kind, gold)
        if vector is not None:
            found += [Dose(kind, vector.name, strength) for strength in strengths]
    return found


def doses_on_select(vectors: VectorSet, gold: str, strengths: Sequence[float]) -> list[Dose]:
    """What an example gets everywhere, to choose a setting for each kind or vector."""
    doses = doses_of_kinds(vectors, gold, FITTED, strengths)
    for kind in RANDOMISED:
        for vector in vectors.by_kind.get(kind, []):
            doses += [Dose(kind, vector.name, strength) for strength in strengths]
    return doses


def doses_on_test(
    vectors: VectorSet, gold: str, setting: Setting, strengths: Sequence[float]
) -> list[Dose]:
    """What an example gets at a chosen setting.

    Its vector at all strengths; with the mean difference what is held against it at its setting.
    """
    strengths = sorted({*strengths, setting.strength})
    if setting.vector:
        return [Dose(setting.kind, setting.vector, strength) for strength in strengths]
    doses = doses_of_kinds(vectors, gold, [setting.kind], strengths)
    if setting.kind == MAIN:
        doses += doses_of_kinds(vectors, gold, AT_ITS_SETTING, [setting.strength])
        others = vectors.by_kind.get("other_edit", [])
        doses += [Dose("other_edit", vector.name, setting.strength) for vector in others]
    return doses


def doses_elsewhere(vectors: VectorSet, gold: str, setting: Setting) -> list[Dose]:
    """What a token that is not the hole gets at a chosen setting."""
    if setting.vector:
        return [Dose(setting.kind, setting.vector, setting.strength)]
    kinds = [MAIN, "zero", "flipped"] if setting.kind == MAIN else [setting.kind]
    return doses_of_kinds(vectors, gold, kinds, [setting.strength])


def stack_doses(
    vectors: VectorSet, doses: Sequence[Sequence[Dose]], points: Sequence[int], d_model: int
) -> "torch.Tensor":
    """What is added: [point, example, dose, d_model] float32.

    An example with fewer doses than another is filled up with zeros; there is at least one.
    """
    import torch

    scaled = {
        dose: torch.from_numpy(vectors.scaled(dose.vector, dose.strength)[list(points)])
        for dose in {dose for row in doses for dose in row}
    }
    width = max(1, max(map(len, doses)))
    stacked = torch.zeros(len(points), len(doses), width, d_model)
    for i, row in enumerate(doses):
        for d, dose in enumerate(row):
            stacked[:, i, d] = scaled[dose]
    return stacked
