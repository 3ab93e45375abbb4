"""What steering did, as plain values ready for JSON: the figure and the section share them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.steer.settings import MAIN, RANDOMISED, Setting, chosen_settings
from fimscope.statistics.claims import judge_together, judged, judged_beside_many
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.one_of_many import least_shown, one_of_many
from fimscope.statistics.paired import paired_rates
from fimscope.statistics.significance import adjust_together

Row = Mapping[str, Any]

# Each of COMPARED is held against each control on the same examples; one family of tests.
COMPARED = (MAIN, "held_out_type")
CONTROLS = ("random", "shuffled", "flipped", "majority_type", "other_edit")
# In the order of the figure; gold_type is an oracle, at its own setting.
KINDS = ("gold_type", MAIN, "held_out_type", "majority_type", "other_edit", "flipped", "shuffled")
KINDS = (*KINDS, "random", "zero")
CHOSEN = None  # in the place of a strength: the one that was chosen
DOSE_KINDS = (MAIN, "gold_type", "majority_type", "random")
VERDICTS = ("exact", "typechecks", "error", "no_type", "unchecked")


class Results:
    """The steering_results rows of one group, by kind, strength, example and vector.

    Each vector at its own chosen points; at the strength CHOSEN: each at the one chosen for it.
    """

    def __init__(self, rows: Sequence[Row], settings: Mapping[str, Setting]):
        self.plain = {row["example_id"]: row for row in rows if row["kind"] == "none"}
        self._found: dict[tuple[str, float | None], dict[str, dict[str, Row]]] = defaultdict(dict)
        for row in rows:
            known = (row["vector"], row["kind"], MAIN)
            setting = next((settings[name] for name in known if name in settings), None)
            if row["kind"] == "none" or not setting or tuple(row["points"]) != setting.points:
                continue
            own = (row["strength"], CHOSEN) if row["strength"] == setting.strength else ()
            for strength in own or (row["strength"],):
                at = self._found[row["kind"], strength]
                at.setdefault(row["vector"], {})[row["example_id"]] = row

    def strengths(self, kind: str) -> list[float]:
        return sorted(s for found, s in self._found if found == kind and s is not CHOSEN)

    def vectors_by_name(self, kind: str, strength: float | None) -> dict[str, dict[str, Row]]:
        """vector -> example_id -> row, each vector as it was added."""
        return self._found.get((kind, strength), {})

    def vectors(self, kind: str, strength: float | None) -> dict[str, dict[str, Row]]:
        """vector -> example_id -> row; a kind whose vector depends on the gold has them as one."""
        found = self.vectors_by_name(kind, strength)
        if kind in ("gold_type", "held_out_type"):
            merged = {example: row for rows in found.values() for example, row in rows.items()}
            return {kind: merged} if merged else {}
        return found

    def values(
        self, kind: str, strength: float | None, outcome: str, measure: str
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
    "change": lambda row: float(row["to_gold"]) - (row["outcome"] == "right"),
}


def steering_numbers(
    results: Sequence[Row],
    scored: Sequence[Row],
    disturbance: Sequence[Row],
    types: Sequence[Row],
    margin: float,
) -> Numbers:
    """All numbers of the section.

    scored   the steering_settings table; the others are the tables of their names
    margin   within which of 0 a difference of accuracies counts as none

    Intervals: 95%, clustered by program. `settings`: of each kind, and of each vector of
    RANDOMISED by its name. `net`: what steering does to the accuracy of all examples of `test` that
    were steered, right and wrong. `comparisons`: each of COMPARED beside each control. Beside the
    vectors of a kind of RANDOMISED it is whether its net is more than another draw's would be
    (`one_of_many`), and the least that is shown (`least_shown`); beside the others the difference
    of the shares mended, by exact sign tests over programs on the wrong examples; all adjusted
    together (Holm). `n_not_held_out`: examples whose held_out_type vector is the mean difference,
    as none of its pairs has their gold. `favourite`: the type that most steered answers become, and
    the same comparisons on the golds other than it.
    """
    settings = chosen_settings(scored)
    kinds = [name for name, setting in settings.items() if not setting.vector]
    groups = {
        group: Results([row for row in results if row["group"] == group], settings)
        for group in ("select", "test")
    }
    test = groups["test"]
    found: Numbers = {
        "n": {name: _counts(group.plain) for name, group in groups.items()},
        "settings": {name: _setting(name, scored) for name in settings},
        "points": {kind: _points(kind, groups["select"], results, settings) for kind in kinds},
        "dose": {},
        "at_setting": [],
        "comparisons": {},
        "n_not_held_out": 0,
        "favourite": None,
        "by_type": [],
        "types": _verdicts(types),
    }
    if MAIN not in settings or not test.plain:
        return found
    for kind in DOSE_KINDS:
        found["dose"][kind] = _dose(kind, test)
    for kind in KINDS:
        row = _at_setting(kind, test, disturbance)
        if row:
            found["at_setting"].append(row)
    # An interval over programs takes the vectors as they are: of another draw it decides nothing.
    fixed = [row["net"] for row in found["at_setting"] if row["kind"] not in RANDOMISED]
    judge_together(fixed, margin)
    found["comparisons"] = _comparisons(test, test.plain, margin)
    held_out = test.vectors_by_name("held_out_type", CHOSEN)
    found["n_not_held_out"] = len(held_out.get(MAIN, {}))
    found["favourite"] = _favourite(test, margin)
    found["by_type"] = _by_type(test)
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


def _setting(name: str, scored: Sequence[Row]) -> Numbers:
    [row] = [row for row in scored if (row["vector"] or row["kind"]) == name and row["chosen"]]
    numbers = {key: number(row[key]) for key in ("strength", "score", "gain")}
    counts = {key: row[key] for key in ("n_wrong", "n_mended", "n_right", "n_worsened")}
    return {"kind": row["kind"], "points": list(row["points"]), **numbers, **counts}


def _points(
    kind: str,
    select: Results,
    results: Sequence[Row],
    settings: Mapping[str, Setting],
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
        found[measure] = Clustered.of(values, programs).rate().numbers()
    return found


def _dose(kind: str, test: Results) -> Numbers:
    """On `test`, at the chosen points: what the vector does at each strength."""
    strengths = test.strengths(kind)
    found: Numbers = {"strengths": [number(strength) for strength in strengths]}
    for outcome, measure in (("wrong", "mended"), ("right", "worsened")):
        columns = [test.values(kind, strength, outcome, measure) for strength in strengths]
        if columns and len(columns[0][0]):
            values = np.stack([column[0] for column in columns], axis=1)
            found[measure] = Clustered.of(values, columns[0][2]).rate().numbers()
    return found


def _at_setting(
    kind: str,
    test: Results,
    disturbance: Sequence[Row],
) -> Numbers | None:
    vectors = test.vectors(kind, CHOSEN)
    if not vectors:
        return None
    row: Numbers = {"kind": kind, "n_vectors": len(vectors)}
    for outcome, measure in (("wrong", "mended"), ("right", "worsened"), ("wrong", "gain")):
        values, examples, programs = test.values(kind, CHOSEN, outcome, measure)
        row[measure] = _estimate(measure, values, programs)
        if measure == "mended":
            broken = [i for i, e in enumerate(examples) if test.plain[e]["broken"]]
            own = [programs[i] for i in broken]
            row["broken_mended"] = _estimate(measure, values[broken], own)
    row["net"] = _net(test, kind)
    moved = [own for own in disturbance if own["kind"] == kind]
    by_token: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for own in moved:
        by_token[own["example_id"], own["token"]].append(own)
    tokens = [by_token[key] for key in sorted(by_token)]
    programs = [own[0]["program_id"] for own in tokens]
    for measure in ("divergence", "moved"):
        values = np.array([np.mean([float(own[measure]) for own in rows]) for rows in tokens])
        row[measure] = _estimate(measure, values, programs)
    return row


def _estimate(measure: str, values: np.ndarray, programs: Sequence[str]) -> Numbers | None:
    """The mean of a measure [example or token] with its interval; None without a value."""
    if not len(values):
        return None
    rows = Clustered.of(values, programs)
    if measure == "gain":
        return rows.mean().numbers()
    if measure == "divergence":
        return rows.mean().within(0, np.inf).numbers()
    return rows.rate().numbers()


def _net(test: Results, kind: str) -> Numbers:
    """Accuracy with steering minus without, over all examples that were steered."""
    mended, _, of_wrong = test.values(kind, CHOSEN, "wrong", "mended")
    worsened, _, of_right = test.values(kind, CHOSEN, "right", "worsened")
    change = np.concatenate([mended, -worsened])
    return paired_rates(change, [*of_wrong, *of_right])


def _comparisons(test: Results, chosen: Collection[str], margin: float) -> Numbers:
    """`comparisons` of `steering_numbers`, on the chosen examples."""
    found: Numbers = {own: {} for own in COMPARED}
    for own in COMPARED:
        for kind in CONTROLS:
            compare = _beside_many if kind in RANDOMISED else _beside_one
            row = compare(test, own, kind, chosen)
            if row:
                found[own][kind] = row
    family = [row for rows in found.values() for row in rows.values()]
    adjust_together(family)
    for rows in found.values():
        for kind, row in rows.items():
            if kind in RANDOMISED:
                row["least_shown"] = number(least_shown(row, len(family)))
                rows[kind] = judged_beside_many(row)
            else:
                rows[kind] = judged(row, margin)
    return found


def _beside_one(test: Results, own: str, kind: str, chosen: Collection[str]) -> Numbers | None:
    """The difference of the shares of the chosen wrong examples that two kinds mend, own first."""
    values, examples, programs = _mended(test, own, chosen)
    others, same, _ = _mended(test, kind, chosen)
    return paired_rates(values - others, programs) if examples and same == examples else None


def _beside_many(test: Results, own: str, kind: str, chosen: Collection[str]) -> Numbers | None:
    """What one vector does to accuracy beside many, each with points and strength chosen for it."""
    fitted = list(test.vectors(own, CHOSEN).values())
    others = list(test.vectors(kind, CHOSEN).values())
    examples = sorted(set(chosen).intersection(*fitted, *others))
    if not fitted or len(others) < 2 or not examples:
        return None
    changes = [[MEASURES["change"](rows[e]) for e in examples] for rows in (*fitted, *others)]
    return one_of_many(np.array(changes[0]), np.array(changes[1:]))


def _mended(
    test: Results, kind: str, chosen: Collection[str]
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """As `Results.values`: which of the chosen wrong examples a kind mends at its setting."""
    values, examples, programs = test.values(kind, CHOSEN, "wrong", "mended")
    kept = [i for i, example in enumerate(examples) if example in chosen]
    return values[kept], [examples[i] for i in kept], [programs[i] for i in kept]


def _favourite(test: Results, margin: float) -> Numbers | None:
    """What the mean difference mostly says, and what it does beside that.

    returns   type, and n of the n_wrong answers that become it, n_unsteered that are it already;
              n_others, the wrong examples with another gold, and of them: mended, kind -> rate;
              `comparisons` as above, of all examples with another gold. None where no wrong
              example was steered.
    """
    wrong = {e: row for e, row in test.plain.items() if row["outcome"] == "wrong"}
    [steered] = test.vectors(MAIN, CHOSEN).values()
    said = Counter(row["predicted"] for example, row in steered.items() if example in wrong)
    if not said:
        return None
    favourite, n = min(said.items(), key=lambda item: (-item[1], item[0]))
    others = {example for example, row in test.plain.items() if row["gold"] != favourite}
    mended = {}
    for kind in (*COMPARED, *CONTROLS):
        values, _, programs = _mended(test, kind, others)
        if len(values):
            mended[kind] = Clustered.of(values, programs).rate().numbers()
    return {
        "type": favourite,
        "n": n,
        "n_wrong": said.total(),
        "n_unsteered": sum(wrong[e]["predicted"] == favourite for e in steered if e in wrong),
        "n_others": len(others.intersection(wrong)),
        "mended": mended,
        "comparisons": _comparisons(test, others, margin),
    }


def _by_type(test: Results) -> list[Numbers]:
    """Of the wrong examples of each gold type, how many each kind mends; commonest first."""
    wrong = [row for row in test.plain.values() if row["outcome"] == "wrong"]
    counts = Counter(row["gold"] for row in wrong)
    mended: dict[str, Counter[str]] = {}
    for kind in (MAIN, "held_out_type", "gold_type"):
        rows = [r for found in test.vectors(kind, CHOSEN).values() for r in found.values()]
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
