"""The list of variants in columns: what the first view shows, filters and sorts by."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fimscope.explorer.payload import Texts, outcome, probability, rounded
from fimscope.report.glossary import CONDITIONS

Row = Mapping[str, Any]
Effects = Mapping[str, Mapping[tuple[str, str], float]]  # condition -> (example, edit) -> mean


def mean_effects(patches: pa.Table | None) -> dict[str, dict[tuple[str, str], float]]:
    """By condition and recipient the mean, over all points, of what its pair's donor does.

    The mean of the normalised effect at the last token: 0 where no point changes anything, 1 where
    every point turns the answer into the donor's; the earlier the type is there, the higher. The
    conditions come as the glossary has them, others behind them.
    """
    if patches is None:
        return {}
    # By a mask: an expression would start Arrow's threads, which can abort a process at its exit.
    paired = pc.equal(patches["donor_kind"], "paired")
    chosen = patches.filter(pc.and_(paired, pc.equal(patches["position"], "last")))
    keys = ["condition", "example_id", "edit"]
    means = (
        chosen.group_by(keys, use_threads=False)
        .aggregate([("normalised_effect", "mean")])
        .to_pylist()
    )
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in means:
        if row["normalised_effect_mean"] is not None:
            key = (row["example_id"], row["edit"])
            found.setdefault(row["condition"], {})[key] = row["normalised_effect_mean"]
    return {name: found[name] for name in (*CONDITIONS, *found) if name in found}


def listing(
    examples: Sequence[Row], answers: Sequence[tuple[int, Row, Row, str]], effects: Effects
) -> dict[str, Any]:
    """The columns of the list, as JSON.

    examples   rows of the examples table that are shown; their numbers are those of their blocks
    answers    (number of the example, its row of predictions, its row of split, its gold's length)
    returns    `examples`: columns of the examples; `variants`: columns of the variants, in which
               `example` is a number of `examples`; texts that recur are numbers of `texts`
    """
    texts = Texts()
    shown = [row for _, row, _, _ in answers]
    keys = [(row["example_id"], row["edit"]) for row in shown]
    return {
        "examples": {
            "id": [row["example_id"] for row in examples],
            "name": [row["name"] for row in examples],
            **{
                name: [texts.number(row[name]) for row in examples]
                for name in ("package", "path", "kind", "group")
            },
        },
        "variants": {
            "example": [number for number, *_ in answers],
            "outcome": [texts.number(outcome(split)) for _, _, split, _ in answers],
            "golds": [texts.number(golds) for *_, golds in answers],
            **{
                name: [texts.number(row[name]) for row in shown]
                for name in ("edit", "gold", "predicted")
            },
            "gold_rank": [row["gold_rank"] for row in shown],
            "gold_probability": [probability(row["gold_logprob"]) for row in shown],
            "effects": {
                condition: [rounded(means.get(key), 3) for key in keys]
                for condition, means in effects.items()
            },
        },
        "texts": texts.all(),
    }
