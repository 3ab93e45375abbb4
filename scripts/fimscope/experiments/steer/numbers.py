"""What steering did, as plain values ready for JSON: the figure and the section share them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.icl.choices import CHOICES, knows_gold
from fimscope.experiments.icl.numbers import Cells, read_cells
from fimscope.experiments.steer.settings import MAIN, Setting, chosen_settings
from fimscope.statistics.bootstrap import Bootstrap, Resampled
from fimscope.statistics.exact_tests import permutation_numbers, sign_test
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import adjust_together

Row = Mapping[str, Any]

# Each is compared with the mean difference on the same examples; one family of tests.
CONTROLS = ("random", "shuffled", "flipped", "majority_type", "other_edit")
# In the order of the figure; gold_type is an oracle, at its own setting.
KINDS = ("gold_type", MAIN, "held_out_type", "majority_type", "other_edit", "flipped", "shuffled")
KINDS = (*KINDS, "random", "zero")
RANDOMISED = ("random", "shuffled")
DOSE_KINDS = (MAIN, "gold_type", "majority_type", "random")
VERDICTS = ("exact", "typechecks", "error", "no_type", "unchecked")


class Results:
    """The steering_results rows of one group, by kind, strength, example and vector."""

    def __init__(self, rows: Sequence[Row], settings: Mapping[str, Setting]):
        self.plain = {row["example_id"]: row for row in rows if row["kind"] == "none"}
        self._found: dict[tuple[str, float], dict[str, dict[str, Row]]] = defaultdict(dict)
        for row in rows:
            setting = settings.get(row["kind"]) or settings.get(MAIN)
            if row["kind"] != "none" and setting and tuple(row["points"]) == setting.points:
                at = self._found[row["kind"], row["strength"]]
                at.setdefault(row["vector"], {})[row["example_id"]] = row

    def strengths(self, kind: str) -> list[float]:
        return sorted(strength for found, strength in self._found if found == kind)

    def vectors(self, kind: str, strength: float) -> dict[str, dict[str, Row]]:
        """vector -> example_id -> row; a kind whose vector depends on the gold has them as one."""
        found = self._found.get((kind, strength), {})
        if kind in ("gold_type", "held_out_type"):
            merged = {example: row for rows in found.values() for example, row in rows.items()}
            return {kind: merged} if merged else {}
        return found

    def values(
        self, kind: str, strength: float, outcome: str, measure: str
    ) -> tuple[np.ndarray, list[str], list[str]]:
        """A measure of each example with the outcome, the mean over a kind's vectors.

        returns  [example] float64; the examples and their programs in the same order
        """
        by_example: dict[str, list[float]] = defaultdict(list)
        for rows in self.vectors(kind, strength).values():
            for example, row in rows.items():
                if row["outcome"] == outcome:
                    by_example[example].append(MEASURES[measure](row))
        examples = sorted(by_example)
        programs = [self.plain[example]["program_id"] for example in examples]
        return np.array([np.mean(by_example[e]) for e in examples]), examples, programs


MEASURES = {
    "mended": lambda row: float(row["to_gold"]),
    "worsened": lambda row: float(not row["to_gold"]),
    "gain": lambda row: row["logit_diff"] - row["unsteered_logit_diff"],
}


def steering_numbers(
    results: Sequence[Row],
    scored: Sequence[Row],
    disturbance: Sequence[Row],
    types: Sequence[Row],
    bootstrap: Bootstrap,
) -> Numbers:
    """All numbers of the section.

    scored   the steering_settings table; the others are the tables of their names

    Intervals: 95%, clustered by program. `permutation`: the share of vectors that mend
    at least as many of the same examples, the fitted one counted in. `comparisons`: that share for
    the kinds that have many random vectors, for the others exact sign tests over programs on the
    wrong examples; adjusted together (Holm).
    """
    settings = chosen_settings(scored)
    groups = {
        group: Results([row for row in results if row["group"] == group], settings)
        for group in ("select", "test")
    }
    test = groups["test"]
    found: Numbers = {
        "n": {name: _counts(group.plain) for name, group in groups.items()},
        "settings": {kind: _setting(kind, scored) for kind in settings},
        "points": {
            kind: _points(kind, groups["select"], results, settings, bootstrap) for kind in settings
        },
        "dose": {},
        "at_setting": [],
        "comparisons": {},
        "permutation": {},
        "by_type": [],
        "types": _verdicts(types),
    }
    if MAIN not in settings or not test.plain:
        return found
    for kind in DOSE_KINDS:
        found["dose"][kind] = _dose(kind, test, bootstrap)
    for kind in KINDS:
        strength = (settings.get(kind) or settings[MAIN]).strength
        row = _at_setting(kind, strength, test, disturbance, bootstrap)
        if row:
            found["at_setting"].append(row)
    strength = settings[MAIN].strength
    found["permutation"] = {
        kind: _permutation(test, kind, strength)
        for kind in RANDOMISED
        if test.vectors(kind, strength)
    }
    found["comparisons"] = _comparisons(test, strength, found["permutation"])
    found["by_type"] = _by_type(test, settings)
    return found


def steered_on_test(results: Sequence[Row], setting: Numbers | None) -> dict[str, Row]:
    """example of `test` -> its row of the mean difference at the chosen setting."""
    return {
        row["example_id"]: row
        for row in results
        if setting
        and (row["group"], row["kind"]) == ("test", MAIN)
        and (list(row["points"]), row["strength"]) == (setting["points"], setting["strength"])
    }


def own_strength(vectors: Sequence[Row], numbers: Numbers) -> float | None:
    """The mean difference's own norm at the last of its chosen points, as a strength."""
    if MAIN not in numbers["settings"]:
        return None
    point = numbers["settings"][MAIN]["points"][-1]
    found = [r["relative_norm"] for r in vectors if r["name"] == MAIN and r["point"] == point]
    return found[0] if found else None


def _counts(plain: Mapping[str, Row]) -> Numbers:
    found: Numbers = {}
    for outcome in ("wrong", "right"):
        own = [row for row in plain.values() if row["outcome"] == outcome]
        found[f"n_{outcome}"] = len(own)
        found[f"n_{outcome}_programs"] = len({row["program_id"] for row in own})
    found["n_broken"] = sum(row["broken"] for row in plain.values())
    return found


def _setting(kind: str, scored: Sequence[Row]) -> Numbers:
    [row] = [row for row in scored if row["kind"] == kind and row["chosen"]]
    numbers = {key: number(row[key]) for key in ("strength", "score", "gain")}
    counts = {key: row[key] for key in ("n_wrong", "n_mended", "n_right", "n_worsened")}
    return {"points": list(row["points"]), **numbers, **counts}


def _points(
    kind: str,
    select: Results,
    results: Sequence[Row],
    settings: Mapping[str, Setting],
    bootstrap: Bootstrap,
) -> Numbers:
    """On `select`, at the chosen strength: what the vector does in each window of that width.

    points  [window], the last point of each
    """
    strength, width = settings[kind].strength, len(settings[kind].points)
    rows = [
        row
        for row in results
        if row["group"] == "select"
        and row["kind"] == kind
        and row["strength"] == strength
        and len(row["points"]) == width
    ]
    points = sorted({row["points"][-1] for row in rows})
    found: Numbers = {"points": points, "width": width, "strength": number(strength)}
    for outcome, measure in (("wrong", "mended"), ("right", "worsened")):
        own = [row for row in rows if row["outcome"] == outcome]
        examples = sorted({row["example_id"] for row in own})
        if not examples:
            continue
        values = np.zeros((len(examples), len(points)))
        place = {example: i for i, example in enumerate(examples)}
        for row in own:
            column = points.index(row["points"][-1])
            values[place[row["example_id"]], column] = MEASURES[measure](row)
        programs = [select.plain[example]["program_id"] for example in examples]
        found[measure] = bootstrap.resample(values, programs).rate().numbers()
    return found


def _dose(kind: str, test: Results, bootstrap: Bootstrap) -> Numbers:
    """On `test`, at the chosen points: what the vector does at each strength."""
    strengths = test.strengths(kind)
    found: Numbers = {"strengths": [number(strength) for strength in strengths]}
    for outcome, measure in (("wrong", "mended"), ("right", "worsened")):
        columns = [test.values(kind, strength, outcome, measure) for strength in strengths]
        if columns and len(columns[0][0]):
            values = np.stack([column[0] for column in columns], axis=1)
            found[measure] = bootstrap.resample(values, columns[0][2]).rate().numbers()
    return found


def _at_setting(
    kind: str,
    strength: float,
    test: Results,
    disturbance: Sequence[Row],
    bootstrap: Bootstrap,
) -> Numbers | None:
    vectors = test.vectors(kind, strength)
    if not vectors:
        return None
    row: Numbers = {"kind": kind, "n_vectors": len(vectors), "strength": number(strength)}
    for outcome, measure in (("wrong", "mended"), ("right", "worsened"), ("wrong", "gain")):
        values, examples, programs = test.values(kind, strength, outcome, measure)
        row[measure] = _estimate(measure, values, programs, bootstrap)
        if measure == "mended":
            broken = [i for i, e in enumerate(examples) if test.plain[e]["broken"]]
            own = [programs[i] for i in broken]
            row["broken_mended"] = _estimate(measure, values[broken], own, bootstrap)
    moved = [own for own in disturbance if own["kind"] == kind and own["strength"] == strength]
    by_token: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for own in moved:
        by_token[own["example_id"], own["token"]].append(own)
    tokens = [by_token[key] for key in sorted(by_token)]
    programs = [own[0]["program_id"] for own in tokens]
    for measure in ("divergence", "moved"):
        values = np.array([np.mean([float(own[measure]) for own in rows]) for rows in tokens])
        row[measure] = _estimate(measure, values, programs, bootstrap)
    return row


def _estimate(
    measure: str, values: np.ndarray, programs: Sequence[str], bootstrap: Bootstrap
) -> Numbers | None:
    """The mean of a measure [example or token] with its interval; None without a value."""
    if not len(values):
        return None
    estimate = Resampled.mean if measure in ("gain", "divergence") else Resampled.rate
    return estimate(bootstrap.resample(values, programs)).numbers()


def _comparisons(test: Results, strength: float, permutation: Numbers) -> Numbers:
    own, examples, programs = test.values(MAIN, strength, "wrong", "mended")
    found: Numbers = {}
    for kind in CONTROLS:
        values, others, _ = test.values(kind, strength, "wrong", "mended")
        if len(values) and others == examples:
            difference = own - values
            found[kind] = {
                "difference": number(difference.mean()),
                # A mean over many vectors is hardly ever 0: its sign alone would mislead.
                "p": (
                    permutation[kind]["p"]
                    if kind in permutation
                    else sign_test(difference, programs)
                ),
            }
    adjust_together(list(found.values()))
    for row in found.values():
        row["p"] = significant(row["p"])
    return found


def _permutation(test: Results, kind: str, strength: float) -> Numbers:
    def n_mended(rows: Mapping[str, Row]) -> int:
        return sum(row["to_gold"] for row in rows.values() if row["outcome"] == "wrong")

    [own] = test.vectors(MAIN, strength).values()
    others = test.vectors(kind, strength).values()
    return permutation_numbers(n_mended(own), list(map(n_mended, others)))


def _by_type(test: Results, settings: Mapping[str, Setting]) -> list[Numbers]:
    """Of the wrong examples of each gold type, how many each kind mends; commonest first."""
    wrong = [row for row in test.plain.values() if row["outcome"] == "wrong"]
    counts = Counter(row["gold"] for row in wrong)
    mended: dict[str, Counter[str]] = {}
    for kind in (MAIN, "held_out_type", "gold_type"):
        strength = (settings.get(kind) or settings[MAIN]).strength
        rows = [r for found in test.vectors(kind, strength).values() for r in found.values()]
        mended[kind] = Counter(
            row["gold"] for row in rows if row["outcome"] == "wrong" and row["to_gold"]
        )
    return [
        {"gold": gold, "n": n, **{kind: own[gold] for kind, own in mended.items()}}
        for gold, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _verdicts(types: Sequence[Row]) -> Numbers:
    """kind -> how many of the steered wrong examples got which verdict."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in types:
        found[row["kind"]][row["verdict"]] += 1
    return {
        kind: {"n": counts.total(), **{verdict: counts[verdict] for verdict in VERDICTS}}
        for kind, counts in sorted(found.items())
    }


def in_context_numbers(
    icl: pa.Table,
    groups: Mapping[str, str],
    steered: Mapping[str, Row],
    bootstrap: Bootstrap,
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
                bootstrap.resample(values, test.programs[kept]).rate().numbers()
                if kept.any()
                else None
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
