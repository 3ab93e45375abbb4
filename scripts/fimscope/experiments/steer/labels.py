"""The words that the report has for vectors, for where they are added, and for solved examples."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.icl.choices import LABELS as SHOT_LABELS

Row = Mapping[str, Any]

LABELS = {
    "none": "no steering",
    "zero": "zero",
    "mean_difference": "mean difference",
    "gold_type": "gold type (oracle)",
    "held_out_type": "without the gold's type",
    "majority_type": "commonest type",
    "other_edit": "other edit",
    "flipped": "flipped",
    "shuffled": "shuffled pairs",
    "random": "random",
}
MANY = {"random": "random vectors", "shuffled": "vectors of shuffled pairs"}


def points_words(points: Sequence[int]) -> str:
    return f"point {points[0]}" if len(points) == 1 else f"points {points[0]} to {points[-1]}"


def label_words(kinds: Sequence[str]) -> str:
    names = [LABELS[kind] for kind in kinds]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def shots_words(row: Row) -> str:
    plural = "" if row["n_shots"] == 1 else "s"
    told = "told the gold" if row["knows_gold"] else "not told the gold"
    return f"{row['n_shots']} solved example{plural}, {SHOT_LABELS[row['choice']]} ({told})"
