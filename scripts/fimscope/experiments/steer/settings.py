"""The choice of points and strength, made on the group `select` alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
MAIN = "mean_difference"  # the kind that everything else is held against
RANDOMISED = ("random", "shuffled")  # many vectors each, drawn at random


@dataclass(frozen=True)
class Setting:
    """Where a kind of vector is added, and how strongly; of RANDOMISED every vector has its own."""

    kind: str
    vector: str | None
    points: tuple[int, ...]
    strength: float

    @property
    def name(self) -> str:
        """What has this setting: a vector or all vectors of a kind."""
        return self.vector or self.kind


def score_settings(results: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of the steering_settings table, from results on `select`: one a kind, window, strength,
    and for the kinds of RANDOMISED one a vector, window, strength.

    The score is the share of wrong examples that are mended minus the share of right ones that are
    made worse; a share of no examples counts as 0. Of each kind or vector the setting with the
    highest score is chosen; of equal ones that with the greater mean rise of the logit difference,
    then the weaker, then the one of fewer points, then the earlier.
    """
    groups: dict[Setting, list[Row]] = defaultdict(list)
    for row in results:
        if row["kind"] != "none":
            own = row["vector"] if row["kind"] in RANDOMISED else None
            setting = Setting(row["kind"], own, tuple(row["points"]), row["strength"])
            groups[setting].append(row)
    scored = [_score(setting, rows) for setting, rows in groups.items()]
    candidates: dict[tuple[str, str | None], list[dict[str, Any]]] = defaultdict(list)
    for row in scored:
        if row["n_wrong"]:
            candidates[row["kind"], row["vector"]].append(row)
    for own in candidates.values():
        min(own, key=_preference)["chosen"] = True
    return scored


def chosen_settings(scored: Sequence[Row]) -> dict[str, Setting]:
    """Kind, or vector of RANDOMISED -> its chosen setting; what no wrong example of `select` had is
    not there."""
    chosen = [
        Setting(row["kind"], row["vector"], tuple(row["points"]), row["strength"])
        for row in scored
        if row["chosen"]
    ]
    return {setting.name: setting for setting in chosen}


def _score(setting: Setting, rows: Sequence[Row]) -> dict[str, Any]:
    wrong = [row for row in rows if row["outcome"] == "wrong"]
    right = [row for row in rows if row["outcome"] == "right"]
    n_mended = sum(row["to_gold"] for row in wrong)
    n_worsened = sum(not row["to_gold"] for row in right)
    rises = [row["logit_diff"] - row["unsteered_logit_diff"] for row in wrong]
    return {
        "kind": setting.kind,
        "vector": setting.vector,
        "points": list(setting.points),
        "strength": setting.strength,
        "n_wrong": len(wrong),
        "n_mended": n_mended,
        "n_right": len(right),
        "n_worsened": n_worsened,
        "score": n_mended / max(len(wrong), 1) - n_worsened / max(len(right), 1),
        "gain": sum(rises) / len(rises) if rises else None,
        "chosen": False,
    }


def _preference(row: Row) -> tuple[Any, ...]:
    return (
        -round(row["score"], 9),
        -round(row["gain"], 3),
        row["strength"],
        len(row["points"]),
        row["points"],
    )
