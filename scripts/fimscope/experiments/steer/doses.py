"""Doses: which vector goes into which example, where and at which strength."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimscope.experiments.steer.settings import MAIN, Setting
from fimscope.experiments.steer.vectors import VectorSet

if TYPE_CHECKING:
    import torch

Window = tuple[int, ...]

# Tried at every point and strength of `select`: a setting is chosen for each of them.
CHOSEN_KINDS = (MAIN, "gold_type", "majority_type")
# Held against the mean difference at its own setting: one vector an example.
BASELINES = ("zero", "flipped", "held_out_type")
MANY = ("random", "shuffled", "other_edit")  # kinds that have several vectors for all examples
N_RANDOM_DOSES = 10  # random vectors of the dose curve and of the unrelated tokens


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


def doses_of_all(vectors: VectorSet, kind: str, n: int, strength: float) -> list[Dose]:
    """The first n vectors of a kind that has many, at one strength."""
    return [Dose(kind, vector.name, strength) for vector in vectors.by_kind.get(kind, [])[:n]]


def doses_on_test(
    vectors: VectorSet, gold: str, setting: Setting, strengths: Sequence[float]
) -> list[Dose]:
    """What an example gets at the chosen setting of a kind.

    Its own vector at all strengths; for the mean difference also every control at the chosen
    strength, and some of them at all others.
    """
    strengths = sorted({*strengths, setting.strength})
    if setting.kind != MAIN:
        return doses_of_kinds(vectors, gold, [setting.kind], strengths)
    others = [strength for strength in strengths if strength != setting.strength]
    doses = doses_of_kinds(vectors, gold, [MAIN], strengths)
    doses += doses_of_kinds(vectors, gold, BASELINES, [setting.strength])
    for kind in MANY:
        doses += doses_of_all(vectors, kind, len(vectors.by_kind[kind]), setting.strength)
    for strength in others:
        doses += doses_of_all(vectors, "random", N_RANDOM_DOSES, strength)
    return doses


def doses_elsewhere(vectors: VectorSet, gold: str, setting: Setting) -> list[Dose]:
    """What a token that is not the hole gets at the chosen setting of a kind."""
    kinds = [setting.kind]
    if setting.kind == MAIN:
        kinds += ["zero", "flipped"]
    doses = doses_of_kinds(vectors, gold, kinds, [setting.strength])
    if setting.kind == MAIN:
        doses += doses_of_all(vectors, "random", N_RANDOM_DOSES, setting.strength)
    return doses


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
