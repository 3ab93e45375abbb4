"""What interventions did to one variant, as small as it goes, and what each counts as.

A change, a mask or a donor counts beside its control alone: what the control does as well is not
the intervention's doing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES
from fimscope.experiments.answers import same_type
from fimscope.experiments.masking.ways import WAYS
from fimscope.explorer.payload import Texts, probability, rounded

Row = Mapping[str, Any]
Json = Any

FOLLOWS, MOVES, BOTH, STAYS, UNHELD = "follows", "moves", "both", "stays", "unheld"


def judge(moved: bool, control_moved: bool | None, follows: bool = False) -> str:
    """What an answer does under a change.

    moved, control_moved   whether another answer comes, in the change and in its control; None
                           where there is no control
    follows                whether it becomes the planted type, and not in the control
    returns  follows
             moves: another answer, where the control leaves the answer as it is
             both: another answer, as in the control
             stays: the same answer
             unheld: another answer, and there is no control
    """
    if not moved:
        return STAYS
    if control_moved is None:
        return UNHELD
    return FOLLOWS if follows else BOTH if control_moved else MOVES


def changes(rows: Iterable[Row]) -> list[Json]:
    """What was planted or hidden in a variant: one entry a hypothesis, with its control."""
    found = _with_controls(rows, lambda row: row["hypothesis"])
    return [
        {
            "hypothesis": name,
            "planted": own["planted"],
            "found": judge(
                own["moved"],
                control and control["moved"],
                bool(control and own["follows"] and not control["follows"]),
            ),
            "change": _change(own),
            "control": control and _change(control),
        }
        for name in HYPOTHESES
        if name in found
        for own, control in [found[name]]
    ]


def _change(row: Row) -> Json:
    return {name: row[name] for name in ("old", "new", "predicted")}


def masks(rows: Sequence[Row]) -> list[Json]:
    """What was masked in a variant: one entry a way and distractor, with its control."""
    plain = [row["predicted"] for row in rows if row["way"] == "none"]
    found = _with_controls(rows, lambda row: (row["way"], row["distractor"]))
    return [
        {
            "way": way,
            "distractor": distractor,
            "n": own["n_masked"],
            "found": judge(_moved(own, plain[0]), control and _moved(control, plain[0])),
            "change": _mask(own),
            "control": control and _mask(control),
        }
        for way, distractors in WAYS.items()
        for distractor in distractors
        if plain and (way, distractor) in found
        for own, control in [found[way, distractor]]
    ]


def _moved(row: Row, answer: str) -> bool:
    return not same_type(row["predicted"], answer)


def _mask(row: Row) -> Json:
    return {"predicted": row["predicted"], "gold_probability": probability(row["gold_logprob"])}


def _with_controls(rows: Iterable[Row], key: Any) -> dict[Any, tuple[Row, Row | None]]:
    """key -> (what was done, its control, if there is one)."""
    found: dict[Any, dict[bool, Row]] = {}
    for row in rows:
        found.setdefault(key(row), {})[row["is_control"]] = row
    return {name: (both[False], both.get(True)) for name, both in found.items() if False in both}


def parts(rows: Iterable[Row]) -> list[Json]:
    """Patches of the parts of blocks: one entry a pair, in it by donor the effects over blocks.

    by a donor   attention_output, mlp_output: [block]; head: [block][head]
    """
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["block"], row["head"] or 0)):
        pair = found.setdefault(row["pair_id"], {"condition": row["condition"], "donors": {}})
        donor = pair["donors"].setdefault(row["donor_kind"], {})
        effect = rounded(row["normalised_effect"], 4)
        if row["component"] == "head":
            blocks = donor.setdefault("head", {})
            blocks.setdefault(row["block"], []).append(effect)
        else:
            donor.setdefault(row["component"], []).append(effect)
    for pair in found.values():
        for donor in pair["donors"].values():
            donor["head"] = list(donor.get("head", {}).values())
    return list(found.values())


def shots(rows: Iterable[Row]) -> list[Json]:
    """Solved examples in front of a variant: one entry a choice and number of them, over draws."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["choice"], row["n_shots"]), []).append(row)
    return [
        {
            "choice": choice,
            "n_shots": n_shots,
            "n": len(draws),
            "n_correct": sum(row["correct"] for row in draws),
            "probability": rounded(_mean_probability(draws), 6),
            "predicted": list(dict.fromkeys(row["predicted"] for row in draws)),
        }
        for (choice, n_shots), draws in found.items()
    ]


def _mean_probability(rows: Sequence[Row]) -> float | None:
    known = [row["gold_logprob"] for row in rows if row["gold_logprob"] is not None]
    return float(np.exp(known).mean()) if known else None


def probes(rows: Iterable[Row]) -> list[Json]:
    """What the probes say of a variant: one entry a task, over points."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["point"]):
        found.setdefault(row["task"], []).append(row)
    return [
        {
            "task": task,
            "label": points[0]["label"],
            "name_seen": points[0]["name_seen"],
            "points": [row["point"] for row in points],
            "probed": [row["probed"] for row in points],
        }
        for task, points in found.items()
    ]


def traces(rows: Iterable[Row]) -> list[Json]:
    """Patches of every token and point of an example: one entry a direction.

    tokens    [text, role], in the recipient
    effects   [token][point], null where no patch was run: nothing can change there
    predicted [token][point], numbers of `texts`
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["condition"], []).append(row)
    return [_trace(condition, own) for condition, own in found.items()]


def _trace(condition: str, rows: list[Row]) -> Json:
    rows = sorted(rows, key=lambda row: (row["token"], row["point"]))
    points = sorted({row["point"] for row in rows})
    texts = Texts()
    tokens = [rows[i : i + len(points)] for i in range(0, len(rows), len(points))]
    turned = [row["predicted"] for row in rows if row["to_target"]]
    return {
        "condition": condition,
        "edit": rows[0]["edit"],
        "target": turned[0] if turned else None,
        "points": points,
        "tokens": [[own[0]["text"], own[0]["role"]] for own in tokens],
        "effects": [
            [rounded(row["normalised_effect"], 3) if row["is_run"] else None for row in own]
            for own in tokens
        ],
        "predicted": [[texts.number(row["predicted"]) for row in own] for own in tokens],
        "texts": texts.all(),
    }
