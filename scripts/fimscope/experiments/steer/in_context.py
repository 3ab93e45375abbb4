"""What solved examples in the prompt do, beside steering of the same examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.icl.choices import CHOICES, knows_gold
from fimscope.experiments.icl.numbers import Cells, read_cells
from fimscope.experiments.steer.settings import MAIN
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers

Row = Mapping[str, Any]


def in_context_numbers(
    icl: pa.Table,
    groups: Mapping[str, str],
    steered: Mapping[str, Row],
) -> Numbers:
    """What solved examples in the prompt do, and what steering does to the same examples.

    groups    example -> group
    steered   example of `test` -> its steering_results row of the mean difference at its setting
    returns   n_select, the broken examples of `select` by which a number of shots was chosen;
              rows: the mean difference, the choice and number of shots that mend most of those,
              and `random`, which is not told the gold type, at the number that mends most; each
              with the shares of broken examples mended and of right ones made wrong, or None
              where no example was asked both ways

    Where `select` has no broken example it is the largest number of shots, and only `random`.
    """
    examples = icl["example_id"].to_pylist()
    own_groups = [groups[example] for example in examples]
    select, test = (_cells(icl, np.array(own_groups) == name) for name in ("select", "test"))
    chosen = _choose(select)
    rows = [{"choice": MAIN, "n_shots": 0, "knows_gold": False}]
    rows += [{"choice": c, "n_shots": n, "knows_gold": knows_gold(c)} for c, n in chosen]
    both = np.array([example in steered for example in test.examples], dtype=bool)
    for row in rows:
        right = _right(test, row, steered)
        for outcome, measure in (("broken", "broken_mended"), ("right", "worsened")):
            kept = both & (test.outcomes == outcome)
            values = right[kept] if outcome == "broken" else 1 - right[kept]
            row[measure] = (
                Clustered.of(values, test.programs[kept]).rate().numbers() if kept.any() else None
            )
    return {"n_select": int((select.outcomes == "broken").sum()), "rows": rows}


def _cells(icl: pa.Table, kept: NDArray[np.bool_]) -> Cells:
    """The cells of some rows of an icl table, of all choices and numbers that the table holds."""
    asked = set(icl["choice"].to_pylist())
    n_shots = sorted({n for n in icl["n_shots"].to_pylist() if n})
    n_seeds = len({seed for seed in icl["seed"].to_pylist() if seed is not None})
    choices = [choice for choice in CHOICES if choice in asked]
    return read_cells(icl.filter(pa.array(kept)), choices, n_shots, n_seeds)


def _choose(select: Cells) -> list[tuple[str, int]]:
    """The best choice and number of shots, and the best number of `random`; see above."""
    broken = select.outcomes == "broken"
    means = {
        (choice, n): values[broken, column].mean() if broken.any() else 0.0
        for choice, values in select.values["correct"].items()
        for column, n in enumerate(select.n_shots)
        if n
    }
    if not means:
        return []
    order = list(select.values["correct"])

    def best(keys: Sequence[tuple[str, int]]) -> tuple[str, int]:
        return min(keys, key=lambda key: (-means[key], key[1], order.index(key[0])))

    random = [key for key in means if key[0] == "random"]
    if not broken.any():
        return random[-1:]
    return list(dict.fromkeys([best(list(means)), *([best(random)] if random else [])]))


def _right(test: Cells, row: Row, steered: Mapping[str, Row]) -> NDArray[np.float64]:
    """[example], the share of draws in which an example is right; 0 where it was not steered."""
    if row["choice"] == MAIN:
        return np.array(
            [e in steered and steered[e]["to_gold"] for e in test.examples], dtype=float
        )
    return test.values["correct"][row["choice"]][:, test.n_shots.index(row["n_shots"])]
