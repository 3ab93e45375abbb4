"""Numbers of the algorithms: what each change moves, and which answers it explains."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fimscope.experiments.algorithms.hypotheses import (
    HYPOTHESES,
    PARTS,
    PLANTED,
    PLANTED_AS,
    USUAL,
)
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.statistics.claims import judged, without_one
from fimscope.statistics.crossed import Crossed, crossed_rates
from fimscope.statistics.numbers import INTERVAL, Numbers
from fimscope.statistics.significance import adjust_together

if TYPE_CHECKING:
    from pandas import DataFrame, Series

ALL = "all"
JOINTLY, NOT_AT_ALL = "several of them", "none of them"
EACH_OUTCOME = 4  # examples that are shown of one


def algorithm_numbers(tables: Sequence[pa.Table], margin: float) -> Numbers:
    """What the answers follow, under each edit.

    tables   algorithms/{edit}.parquet, that of `original` first
    margin   within which of 0 a difference of shares counts as none

    changes     a row an edit, outcome (`all` too) and hypothesis, over the answers that have the
                change and its control: shares that `follow` the planted type and that are `moved`,
                each with its `control`'s, and `over_control`, the paired difference, judged; Holm
                over all edits and hypotheses, of all answers and of those by outcome. `n_planted`
                names, types or values were planted in them, None where tokens are hidden. Names
                are a draw of names, as programs are: intervals and p are over both at once
                (`crossed_rates`). Types and values are all that there are to plant, and no unit;
                `left_out` are the least and the greatest difference without one of what was planted
    explained   a row an edit and outcome, of the answers that were asked the USUAL changes: those
                moved by one change alone, and not by its control, by which; by several; by none
    shifts      a row a hypothesis: moved over control under the second edit minus the first, over
                the examples that both have
    """
    frame = pa.concat_tables(tables).to_pandas()
    edits = list(dict.fromkeys(frame["edit"]))
    pairs = {edit: _pairs(frame[frame["edit"] == edit]) for edit in edits}
    changes = [
        {"edit": edit, "outcome": outcome, "hypothesis": hypothesis, **_compare(chosen, hypothesis)}
        for edit in edits
        for outcome in (ALL, *OUTCOMES)
        for hypothesis in HYPOTHESES
        if len(chosen := _of(pairs[edit], outcome, hypothesis))
    ]
    for measure in ("follows", "moved"):
        for is_all in (True, False):
            of_it = [row[measure] for row in changes if row[measure] and _is_all(row) == is_all]
            adjust_together([found["over_control"] for found in of_it])
            for found in of_it:
                found["over_control"] = judged(found["over_control"], margin)
    explained = [
        {"edit": edit, "outcome": outcome, **_explained(pairs[edit], outcome)}
        for edit in edits
        for outcome in (ALL, *OUTCOMES)
        if len(_usual(_of(pairs[edit], outcome)))
    ]
    shifts = _shifts(pairs, edits, margin) if len(edits) > 1 else []
    return {"edits": edits, "changes": changes, "explained": explained, "shifts": shifts}


def _is_all(row: Numbers) -> bool:
    return row["outcome"] == ALL


def _pairs(frame: "DataFrame") -> "DataFrame":
    """A row an example and hypothesis, of those with a change and its control."""
    keys = ["example_id", "hypothesis"]
    change, control = (frame[frame["is_control"] == own].set_index(keys) for own in (False, True))
    both = change.index.intersection(control.index).sort_values()
    change, control = change.loc[both], control.loc[both]
    of_control = {f"control_{name}": control[name] for name in ("moved", "follows", "new")}
    return change.assign(**of_control).reset_index()


def _of(pairs: "DataFrame", outcome: str, hypothesis: str | None = None) -> "DataFrame":
    chosen = pairs if outcome == ALL else pairs[pairs["outcome"] == outcome]
    return chosen if hypothesis is None else chosen[chosen["hypothesis"] == hypothesis]


def _compare(chosen: "DataFrame", hypothesis: str) -> Numbers:
    programs, planted = (chosen[key].tolist() for key in ("program_id", "new"))
    names = _names(hypothesis, chosen)

    def shares(measure: str) -> Numbers:
        own, control = (chosen[name].astype(float) for name in (measure, f"control_{measure}"))
        difference = (own - control).to_numpy()
        return {
            "rate": _rate(own, programs, names[:1]),
            "control": _rate(control, programs, names[-1:]),
            "over_control": crossed_rates(difference, programs, names),
            "left_out": without_one(difference, planted) if hypothesis in PLANTED else None,
        }

    return {
        "n": len(chosen),
        "n_programs": len(set(programs)),
        "n_planted": len(set(planted)) if hypothesis in PLANTED else None,
        "follows": shares("follows") if hypothesis in PLANTED else None,
        "moved": shares("moved"),
    }


def _names(hypothesis: str, *pairs: "DataFrame") -> list[tuple[str, ...]]:
    """[unit][answer], the planted names, which answers share as they share programs; none where no
    name is planted. A unit more where the control, or another edit of the answers, has others."""
    if PLANTED_AS.get(hypothesis) != "name":
        return []
    columns = [own[key] for own in pairs for key in ("new", "control_new")]
    return list(dict.fromkeys(map(tuple, columns)))


def _rate(
    values: "Series", programs: Sequence[str], others: Sequence[Sequence[str]] = ()
) -> Numbers:
    return Crossed.by(values.to_numpy(float), programs, others).rate().numbers()


def _explained(pairs: "DataFrame", outcome: str) -> Numbers:
    """The share of answers that each asked hypothesis explains alone, that several do, or none."""
    chosen = _usual(_of(pairs, outcome))
    explains = chosen["moved"].astype(bool) & ~chosen["control_moved"].astype(bool)
    by_example = chosen.assign(explains=explains).groupby("example_id")
    programs = by_example["program_id"].first().tolist()
    found = by_example[["hypothesis", "explains"]].apply(_verdict_of)
    asked = [name for name in HYPOTHESES if name in set(chosen["hypothesis"])]
    shares = {name: _rate(found == name, programs) for name in (*asked, JOINTLY, NOT_AT_ALL)}
    return {"n": len(found), "n_programs": len(set(programs)), "shares": shares}


def _usual(pairs: "DataFrame") -> "DataFrame":
    """The examples that have every usual change, without what is a part of another change."""
    of_usual = pairs[pairs["hypothesis"].isin(USUAL)]
    counts = of_usual.groupby("example_id").size()
    whole = counts.index[counts == len(USUAL)]
    return pairs[pairs["example_id"].isin(whole) & ~pairs["hypothesis"].isin(PARTS)]


def _verdict_of(rows: "DataFrame") -> str:
    names = rows["hypothesis"][rows["explains"]].tolist()
    return NOT_AT_ALL if not names else names[0] if len(names) == 1 else JOINTLY


def _shifts(pairs: dict[str, "DataFrame"], edits: Sequence[str], margin: float) -> list[Numbers]:
    first, second = (pairs[edit].set_index(["example_id", "hypothesis"]) for edit in edits[:2])
    both = first.index.intersection(second.index).sort_values()
    change = _net(second.loc[both]) - _net(first.loc[both])
    programs = first.loc[both, "program_id"]
    rows = []
    for hypothesis in HYPOTHESES:
        own = both.get_level_values("hypothesis") == hypothesis
        # A difference of two differences: halved, it is one of -1 to 1.
        names = _names(hypothesis, *(edit.loc[both[own]] for edit in (first, second)))
        halved = crossed_rates(change[own].to_numpy() / 2, programs[own].tolist(), names)
        doubled = {k: v if v is None else 2 * v for k, v in halved.items() if k in INTERVAL}
        rows.append({"hypothesis": hypothesis, **halved, **doubled})
    adjust_together(rows)
    return [judged(row, margin) for row in rows]


def _net(pairs: "DataFrame") -> "Series":
    return pairs["moved"].astype(float) - pairs["control_moved"].astype(float)


def shown_examples(table: pa.Table, n: int = 10) -> list[dict[str, Any]]:
    """Pairs of change and control for the eye, by rule: hypothesis by hypothesis in turn, and of
    each outcome by outcome in turn, the first by example_id that were not shown yet."""
    frame = table.to_pandas()
    pairs = _pairs(frame)
    control = frame[frame["is_control"]].set_index(["example_id", "hypothesis"])
    cells = [
        _of(pairs, outcome, hypothesis).to_dict("records")
        for outcome in OUTCOMES
        for hypothesis in HYPOTHESES
    ]
    found: list[dict[str, Any]] = []
    used: set[str] = set()
    while len(found) < n and any(cells):
        for cell in cells:
            left = [row for row in cell if row["example_id"] not in used]
            cell[:] = left[1:]
            if left and len(found) < n:
                used.add(left[0]["example_id"])
                other = control.loc[(left[0]["example_id"], left[0]["hypothesis"])]
                found.append({**left[0], "control": other.to_dict()})
    return found
