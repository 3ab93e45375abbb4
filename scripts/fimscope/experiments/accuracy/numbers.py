"""The numbers that the figures and the summary share, as plain values ready for JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimscope.experiments.accuracy.baselines import baseline_ranks
from fimscope.experiments.accuracy.strata import GOLDS, commonest_of, gold_stratum
from fimscope.statistics.claims import difference_numbers, judge_together, package_numbers
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers

Row = Mapping[str, Any]
TOP = 10


def accuracy_numbers(predictions: pa.Table, examples: Mapping[str, Row], edit: str) -> Numbers:
    """How often the gold comes first and in the top 10, beside what the baselines have there.

    examples   example_id -> package, kind and name (in the original) of the hole

    Rates are over examples, with 95% intervals over programs. `near_if_wrong` is the top 10 of the
    wrong answers' holes. `gain` is the model minus a baseline on the same holes (`judge_gains`).
    """
    n = predictions.num_rows
    if not n:
        return {"edit": edit, "n": 0, "n_programs": 0}
    right = predictions["correct"].to_numpy()
    in_top = predictions["gold_rank"].to_numpy() < TOP
    programs = predictions["program_id"].to_numpy(zero_copy_only=False)
    holes = [
        {**examples[example_id], "gold": gold}
        for example_id, gold in zip(
            predictions["example_id"].to_pylist(), predictions["gold"].to_pylist(), strict=True
        )
    ]
    model = _measures(right, in_top)
    everywhere = np.ones(n, dtype=bool)
    asked = {"right": everywhere, "top10": everywhere, "near_if_wrong": ~right}
    baselines = []
    for name, ranks in baseline_ranks(holes, TOP).items():
        own = _measures(ranks == 0, ranks < TOP)
        gains = {
            measure: difference_numbers((model[measure] - own[measure])[rows], programs[rows])
            for measure, rows in asked.items()
            if rows.any()
        }
        baselines.append({"baseline": name, **_rates(own, asked, programs), "gain": gains})
    return {
        "edit": edit,
        "n": n,
        "n_programs": pc.count_distinct(predictions["program_id"]).as_py(),
        "n_packages": len({hole["package"] for hole in holes}),
        "n_right": int(right.sum()),
        "n_top10": int(in_top.sum()),
        **_rates(model, asked, programs),
        "baselines": baselines,
    }


def _measures(first: NDArray, near: NDArray) -> dict[str, NDArray[np.float64]]:
    """What is asked of the gold at each hole, 0 or 1: whether it is first, whether it is near."""
    is_near = near.astype(np.float64)
    return {"right": first.astype(np.float64), "top10": is_near, "near_if_wrong": is_near}


def _rates(
    measures: Mapping[str, NDArray], asked: Mapping[str, NDArray], programs: NDArray
) -> Numbers:
    """The rate of each measure over the holes of which it is asked, None where there is none."""
    return {
        measure: Clustered.of(values[rows], programs[rows]).rate().numbers() if rows.any() else None
        for measure, values in measures.items()
        for rows in [asked[measure]]
    }


def judge_gains(edits: Sequence[Numbers], margin: float) -> None:
    """Judge what the model has over the baselines, of all edits as one family.

    edits    of `accuracy_numbers`
    margin   within which of 0 a difference of two accuracies counts as none
    """
    rows = [row for edit in edits for row in edit.get("baselines", [])]
    judge_together([gain for row in rows for gain in row["gain"].values()], margin)


def change_numbers(
    splits: Mapping[str, pa.Table], examples: Mapping[str, Row], margin: float
) -> list[Numbers]:
    """What each edit does to the answers of the same examples, over programs and over packages.

    examples   as of `accuracy_numbers`; margin as of `judge_gains`

    `difference` is edit minus original, over programs: it speaks of new programs of these packages.
    `packages` is the same with the package as the unit: it speaks of new packages. `strata` are
    the difference by the hole's kind and by its gold, each over packages too. The differences of
    all edits are one family of Holm's adjustment, those over packages another, the strata a third,
    the strata over packages a fourth.
    """
    found = []
    for edit, split in splits.items():
        if edit == "original" or not split.num_rows:
            continue
        broken, mended = split["broken"].to_numpy(), split["mended"].to_numpy()
        right = np.array(split["outcome"].to_pylist()) == "right"
        change = mended.astype(float) - broken.astype(float)
        programs = split["program_id"].to_numpy(zero_copy_only=False)
        packages = np.array([examples[name]["package"] for name in split["example_id"].to_pylist()])
        found.append(
            {
                "edit": edit,
                "n": split.num_rows,
                "n_programs": len(np.unique(programs)),
                "n_right_before": int((right & ~mended | broken).sum()),
                "n_broken": int(broken.sum()),
                "n_mended": int(mended.sum()),
                "difference": difference_numbers(change, programs),
                "packages": package_numbers(change, packages),
                "strata": [
                    {
                        **{"by": by, "stratum": stratum},
                        **difference_numbers(change[rows], programs[rows]),
                        "packages": package_numbers(change[rows], packages[rows]),
                    }
                    for by, of_each in _strata(split).items()
                    for stratum in sorted(set(of_each), key=_place_of)
                    for rows in [of_each == stratum]
                ],
            }
        )
    strata = [stratum for row in found for stratum in row["strata"]]
    for family in (
        [row["difference"] for row in found],
        [row["packages"] for row in found],
        strata,
        [stratum["packages"] for stratum in strata],
    ):
        judge_together(family, margin)
    return found


def confusion_numbers(predictions: pa.Table, edit: str, n_kept: int = 10) -> Numbers:
    """Gold by predicted of the wrong answers: the commonest of each, the rest as `other`.

    counts   [gold, predicted], with one more row and one more column for the rest where there
             is a rest; `golds` and `predicted` name them, null for the rest
    """
    wrong = predictions.filter(pc.invert(predictions["correct"]))
    golds = wrong["gold"].to_pylist()
    answers = [answer or "" for answer in wrong["predicted"].to_pylist()]
    kept_golds, rows = _kept(golds, n_kept)
    kept_answers, columns = _kept(answers, n_kept)
    counts = np.zeros((len(kept_golds), len(kept_answers)), dtype=int)
    np.add.at(counts, (rows, columns), 1)
    pairs = Counter(zip(golds, answers, strict=True))
    commonest = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:n_kept]
    return {
        "edit": edit,
        "n": predictions.num_rows,
        "n_wrong": len(golds),
        "n_programs": pc.count_distinct(wrong["program_id"]).as_py(),
        "n_wrong_top10": int((wrong["gold_rank"].to_numpy() < TOP).sum()),
        "n_kinds": len(pairs),
        "golds": kept_golds,
        "predicted": kept_answers,
        "counts": counts.tolist(),
        "commonest": [{"gold": g, "predicted": p, "n": n} for (g, p), n in commonest],
    }


def funnel_numbers(funnels: Sequence[pa.Table]) -> dict[str, list[Numbers]]:
    """The stages of every edit in the funnel tables, in their order: edit -> stages."""
    found: dict[str, list[Numbers]] = {}
    for funnel in funnels:
        for row in funnel.to_pylist():
            stages = found.setdefault(row["edit"], [])
            stages.append({key: row[key] for key in ("stage", "n_rows", "n_programs")})
    return found


def _strata(split: pa.Table) -> dict[str, NDArray]:
    """Of each row its kind, and which sort of gold it has."""
    golds = split["gold"].to_pylist()
    commonest = commonest_of(golds)
    return {
        "kind": np.array(split["kind"].to_pylist()),
        "gold": np.array([gold_stratum(gold, commonest) for gold in golds]),
    }


def _place_of(stratum: str) -> tuple[int, str]:
    """Golds stand in the order of GOLDS, kinds in the alphabet's."""
    return (GOLDS.index(stratum) if stratum in GOLDS else 0, stratum)


def _kept(names: Sequence[str], n_kept: int) -> tuple[list[str | None], list[int]]:
    """The commonest names, None for the rest if there is one, and each name's place among them."""
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    kept: list[str | None] = [name for name, _ in ranked[:n_kept]]
    if len(ranked) > n_kept:
        kept.append(None)
    place = {name: i for i, name in enumerate(kept)}
    return kept, [place[name] if name in place else len(kept) - 1 for name in names]
