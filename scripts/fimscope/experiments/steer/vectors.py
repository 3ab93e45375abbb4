"""Steering vectors: means of differences between right and wrong, and what they are held against.

A vector is a direction at every point. It is applied in units of the residual's own mean norm at
that point (`VectorSet.scaled`), so that all vectors of a strength disturb equally; or as it is.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.files.atomic import replacing

Floats = NDArray[np.float32]

# Below this share of the residual's norm a vector is rounding, and has no direction.
LEAST_NORM = 1e-5


@dataclass(frozen=True)
class Vector:
    """One steering vector.

    kind     mean_difference, gold_type, majority_type, held_out_type, other_edit, shuffled,
             flipped, random, uniform or zero
    gold     the type that a gold_type or majority_type vector stands for, or that a held_out_type
             vector has not seen; None for all others
    values   [point, d_model]
    """

    name: str
    kind: str
    gold: str | None
    values: Floats
    n_pairs: int
    n_programs: int


def mean_difference(differences: Floats, programs: Sequence[str], name: str, kind: str) -> Vector:
    """The mean of paired differences, right minus wrong: difference of means (Marks & Tegmark
    2310.06824), here of one program before and after an edit.

    differences  [pair, point, d_model]
    """
    return Vector(name, kind, None, differences.mean(axis=0), len(programs), len(set(programs)))


def held_out_vectors(
    differences: Floats, golds: Sequence[str], programs: Sequence[str]
) -> list[Vector]:
    """For each gold type of the pairs the mean difference of the pairs of all other types."""
    found = []
    for gold in sorted(set(golds)):
        rest = [i for i, other in enumerate(golds) if other != gold]
        if rest:
            own = [programs[i] for i in rest]
            name = f"held_out_type/{gold}"
            vector = mean_difference(differences[rest], own, name, "held_out_type")
            found.append(Vector(**{**vars(vector), "gold": gold}))
    return found


def type_vectors(
    residuals: Floats, golds: Sequence[str], programs: Sequence[str], min_examples: int
) -> list[Vector]:
    """For each type of at least `min_examples` right examples: their mean minus the mean of all.

    residuals  [example, point, d_model], of right examples

    The commonest type's comes once more, as `majority_type`: what a vector does that only knows
    which type is likeliest.
    """
    counts = Counter(golds)
    if not counts:
        return []
    centre = residuals.mean(axis=0)
    found = []
    for gold in sorted(gold for gold, n in counts.items() if n >= min_examples):
        own = [i for i, other in enumerate(golds) if other == gold]
        values = residuals[own].mean(axis=0) - centre
        n_programs = len({programs[i] for i in own})
        found.append(Vector(f"gold_type/{gold}", "gold_type", gold, values, len(own), n_programs))
    if found:
        commonest = min(found, key=lambda vector: (-vector.n_pairs, vector.name))
        majority = {**vars(commonest), "name": "majority_type", "kind": "majority_type"}
        found.append(Vector(**majority))
    return found


def shuffled_vectors(
    differences: Floats, programs: Sequence[str], n: int, seed: int
) -> list[Vector]:
    """Mean differences in which right and wrong change places in half of the programs, at random.

    The randomisation of the paired test. (Lending a program another's right example would change
    nothing: the mean of the differences is the difference of the means.)
    """
    names = sorted(set(programs))
    code = np.array([names.index(program) for program in programs], dtype=int)
    rng = np.random.default_rng([seed, 1])
    found = []
    for i in range(n):
        signs = rng.choice([-1.0, 1.0], size=len(names)).astype(np.float32)
        values = (signs[code][:, None, None] * differences).mean(axis=0)
        found.append(
            Vector(f"shuffled/{i:03d}", "shuffled", None, values, len(programs), len(names))
        )
    return found


def random_vectors(shape: tuple[int, int], n: int, seed: int) -> list[Vector]:
    """Directions without preference, drawn anew at each point; their norm is set when applied."""
    rng = np.random.default_rng([seed, 2])
    return [
        Vector(
            f"random/{i:03d}", "random", None, rng.standard_normal(shape).astype(np.float32), 0, 0
        )
        for i in range(n)
    ]


def mean_norms(residuals: Floats) -> Floats:
    """[point], the mean norm of residuals [example, point, d_model]; 0 where there is none."""
    if not len(residuals):
        return np.zeros(residuals.shape[1], dtype=np.float32)
    return np.linalg.norm(residuals, axis=2).mean(axis=0)


def flipped_and_zero(vector: Vector) -> list[Vector]:
    """The opposite of a vector, and nothing."""
    values = vector.values
    return [
        Vector("flipped", "flipped", None, -values, vector.n_pairs, vector.n_programs),
        Vector("zero", "zero", None, np.zeros_like(values), 0, 0),
    ]


class VectorSet:
    """The vectors of one fit, by name.

    norms  [point], the mean norm of the residual at the steered position
    """

    def __init__(self, vectors: Iterable[Vector], norms: Floats):
        self.norms = norms
        self.by_name = {vector.name: vector for vector in vectors}
        self.by_kind: dict[str, list[Vector]] = defaultdict(list)
        for vector in self.by_name.values():
            self.by_kind[vector.kind].append(vector)

    @cached_property
    def digests(self) -> dict[str, str]:
        """sha256 of all that decides what `scaled` gives, by name."""
        norms = self.norms.tobytes()
        return {
            name: hashlib.sha256(norms + np.ascontiguousarray(vector.values).tobytes()).hexdigest()
            for name, vector in self.by_name.items()
        }

    def scaled(self, name: str, strength: float | None) -> Floats:
        """A vector of `strength` times the residual's mean norm at each point, [point, d_model].

        Where a vector has no direction it stays zero. Without a strength: the vector as it is.
        """
        values = self.by_name[name].values
        if strength is None:
            return values
        lengths = np.linalg.norm(values, axis=1)
        has_direction = lengths > LEAST_NORM * self.norms
        scale = np.where(has_direction, strength * self.norms / np.maximum(lengths, 1e-30), 0)
        return (values * scale[:, None]).astype(np.float32)

    def for_gold(self, kind: str, gold: str) -> Vector | None:
        """The vector of a kind that goes into an example of a gold type.

        gold_type      that type's: it takes the gold to choose it, so it is an oracle
        held_out_type  the mean difference without that type's pairs; where the type had none, the
                       mean difference itself, which has not seen it
        any other      the same for all
        None where there is none.
        """
        if kind in ("gold_type", "held_out_type"):
            own = self.by_name.get(f"{kind}/{gold}")
            if own is None and kind == "held_out_type":
                return self.by_name.get("mean_difference") if self.by_kind[kind] else None
            return own
        vectors = self.by_kind.get(kind, [])
        return vectors[0] if vectors else None


def vector_rows(vectors: VectorSet) -> list[Mapping[str, Any]]:
    """Rows of the steering_vectors table: one a vector and point."""
    rows = []
    for vector in vectors.by_name.values():
        lengths = np.linalg.norm(vector.values, axis=1)
        for point, (length, norm) in enumerate(zip(lengths, vectors.norms, strict=True)):
            rows.append(
                {
                    "name": vector.name,
                    "kind": vector.kind,
                    "gold": vector.gold,
                    "point": point,
                    "n_pairs": vector.n_pairs,
                    "n_programs": vector.n_programs,
                    "norm": float(length),
                    "residual_norm": float(norm),
                    "relative_norm": float(length / norm) if norm > 0 else None,
                }
            )
    return rows


def save_vectors(path: Path, vectors: VectorSet) -> None:
    """Write vector name -> [point, d_model], float32, as safetensors, in the order of the names."""
    from safetensors.numpy import save

    values = {
        name: np.ascontiguousarray(vectors.by_name[name].values, np.float32)
        for name in sorted(vectors.by_name)
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(values))


def load_vectors(path: Path, rows: Sequence[Mapping[str, Any]]) -> VectorSet:
    """The vectors of a file, with what the rows of the steering_vectors table say of them."""
    from safetensors.numpy import load_file

    values = load_file(path)
    first: dict[str, Mapping[str, Any]] = {}
    norms: dict[int, float] = {}
    for row in rows:
        first.setdefault(row["name"], row)
        norms[row["point"]] = row["residual_norm"]
    keys = ("name", "kind", "gold", "n_pairs", "n_programs")
    vectors = [
        Vector(**{key: row[key] for key in keys}, values=values[name])
        for name, row in first.items()
    ]
    return VectorSet(vectors, np.array([norms[p] for p in sorted(norms)], dtype=np.float32))
