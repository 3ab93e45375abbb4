"""What circuits of right, wrong and broken answers bring and share, as plain values for JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.circuits.chosen import circuit_of, largest_edges
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.statistics.bootstrap import middle
from fimscope.statistics.claims import judge_together
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.paired import paired_numbers
from fimscope.statistics.significance import adjust_together, stands_out
from fimscope.statistics.verdicts import Verdict
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
N_LARGEST = 8  # edges of each circuit that are named
LEAST_TO_SHUFFLE = 2  # runs of each of two outcomes whose labels are drawn anew


@dataclass(frozen=True)
class Labels:
    """How often the labels of runs are drawn anew, and from which seed."""

    draws: int
    seed: int


def circuit_numbers(
    runs: Sequence[Row],
    edges: Sequence[Row],
    faithfulness: Sequence[Row],
    cuts: Sequence[Row],
    paths: Sequence[Row],
    margin: float,
    labels: Labels,
) -> Numbers:
    """Numbers of the tables of this experiment.

    margin   within which of 0 a difference of normalised effects counts as none
    """
    effects = {
        outcome: np.array([run["effects"] for run in runs if _is_found_in(run, outcome)])
        for outcome in OUTCOMES
        if any(_is_found_in(run, outcome) for run in runs)
    }
    tried = [row for row in faithfulness if row["circuit"] != "all"]
    sizes = {row["share"]: row["n_edges"] for row in tried}
    curves = [row for row in tried if row["effect"] is not None]
    return {
        "n_edges": len(edges),
        "n_found_in": {outcome: len(own) for outcome, own in effects.items()},
        "sizes": [{"share": share, "n_edges": n} for share, n in sorted(sizes.items())],
        "largest": _largest(runs, effects, edges),
        "overlaps": _overlaps(effects, sorted(sizes.values()), labels),
        "curves": _curves(curves),
        "differences": _differences(curves, margin),
        "areas": _areas(curves),
        "cuts": _agreement(cuts),
        "paths": _paths(paths, margin),
    }


def _is_found_in(run: Row, outcome: str) -> bool:
    return run["part"] == "find" and run["outcome"] == outcome


def _largest(
    runs: Sequence[Row], effects: Mapping[str, NDArray], edges: Sequence[Row]
) -> list[Numbers]:
    """The first edges of each outcome's circuits; `brings` is the fall of the logit difference
    when the edge is cut, as estimated, as a share of the mean gap between the two runs."""
    found = []
    for outcome, own in effects.items():
        gaps = [
            r["logit_diff"] - r["corrupted_logit_diff"] for r in runs if _is_found_in(r, outcome)
        ]
        for edge in circuit_of(own, N_LARGEST):
            ends = {name: edges[edge][name] for name in ("writer", "reader")}
            brings = number(-own[:, edge].mean() / np.mean(gaps))
            found.append({"outcome": outcome, **ends, "brings": brings})
    return found


def _overlaps(
    effects: Mapping[str, NDArray], sizes: Sequence[int], labels: Labels
) -> list[Numbers]:
    """What two outcomes' circuits of one size share, against runs whose labels are drawn anew.

    shared       the share of the edges of one that the other has too
    by_chance    what two circuits of that size would share whose edges are random
    weighed      what they share by the edges' weights (`_weighed`), which the test is of
    relabelled   the same, the mean and the middle 95% over draws of labels
    p            one-sided: that runs under drawn labels share as little by weight, the draw itself
                 counted in (Phipson & Smyth 2010)
    verdict      shown where the two circuits share less than one kind of runs would
    """
    rows = []
    for one, other in combinations(effects, 2):
        pair = effects[one], effects[other]
        if min(map(len, pair)) < LEAST_TO_SHUFFLE:
            continue
        means = [own.mean(axis=0, dtype=np.float64) for own in pair]
        orders = [largest_edges(mean, sizes[-1]) for mean in means]
        weighed = _weighed(means, sizes)
        drawn = np.array([_weighed(own, sizes) for own in _relabelled(*pair, labels, one, other)])
        for i, n in enumerate(sizes):
            ends = middle(drawn[:, i])
            common = np.intersect1d(*(order[:n] for order in orders))
            rows.append(
                {
                    "outcomes": [one, other],
                    "n_edges": n,
                    "shared": number(len(common) / n),
                    "by_chance": number(n / pair[0].shape[1]),
                    "weighed": number(weighed[i]),
                    "relabelled": {
                        "estimate": number(drawn[:, i].mean()),
                        "lower": number(ends.lower),
                        "upper": number(ends.upper),
                    },
                    "p": significant((1 + (drawn[:, i] <= weighed[i]).sum()) / (1 + labels.draws)),
                    "least_p": 1 / (1 + labels.draws),
                }
            )
    adjust_together(rows)
    for row in rows:
        row["verdict"] = Verdict.SHOWN if stands_out(row) else Verdict.UNDECIDED
    return rows


def _weighed(means: Sequence[NDArray], sizes: Sequence[int]) -> list[float]:
    """The share of two circuits' weight that they have in common, by size: of the edges of either,
    the sum of the lesser weights over that of the greater (Ruzicka).

    means   mean effects [edge] of two outcomes
    sizes   ascending

    An edge weighs its mean effect's size over that of all edges of its outcome. Counts of common
    edges would not do for drawn labels: of mixed runs the more frequent kind takes every place.
    """
    orders = [largest_edges(mean, sizes[-1]) for mean in means]
    weights = [np.abs(mean) / np.abs(mean).sum() for mean in means]
    found = []
    for n in sizes:
        either = np.union1d(*(order[:n] for order in orders))
        one, other = (own[either] for own in weights)
        found.append(float(np.minimum(one, other).sum() / np.maximum(one, other).sum()))
    return found


def _relabelled(
    one: NDArray, other: NDArray, labels: Labels, *names: str
) -> Iterator[tuple[NDArray, NDArray]]:
    """Mean effects of the runs of two outcomes, dealt out anew to as many of each."""
    effects = np.concatenate([one, other]).astype(np.float64)
    generator = np.random.default_rng(seed_of(labels.seed, "circuits", *names))
    for _ in range(labels.draws):
        order = generator.permutation(len(effects))
        yield effects[order[: len(one)]].mean(axis=0), effects[order[len(one) :]].mean(axis=0)


def _curves(rows: Sequence[Row]) -> list[Numbers]:
    """Mean normalised effect of each circuit in the test runs of each outcome, by size."""
    return [
        {
            **dict(zip(("outcome", "circuit", "way", "share", "n_edges"), key, strict=True)),
            **Clustered.of([row["effect"] for row in own], [row["program_id"] for row in own])
            .mean()
            .numbers(),
        }
        for key, own in _by(rows, "outcome", "circuit", "way", "share", "n_edges").items()
    ]


def _differences(rows: Sequence[Row], margin: float) -> list[Numbers]:
    """Of the test runs of each outcome, its own circuit's effect minus another's, by size."""
    kept = [row for row in rows if row["way"] == "kept" and row["circuit"] in OUTCOMES]
    found = []
    for (outcome, circuit, share, n_edges), others in _by(
        kept, "outcome", "circuit", "share", "n_edges"
    ).items():
        own_of = {
            row["example_id"]: row["effect"]
            for row in kept
            if (row["outcome"], row["circuit"], row["share"]) == (outcome, outcome, share)
        }
        if circuit == outcome or not own_of:
            continue
        differences = [own_of[row["example_id"]] - row["effect"] for row in others]
        programs = [row["program_id"] for row in others]
        key = {"outcome": outcome, "circuit": circuit, "share": share, "n_edges": n_edges}
        found.append({**key, **paired_numbers(np.array(differences), programs)})
    judge_together(found, margin)
    return found


def _areas(rows: Sequence[Row]) -> list[Numbers]:
    """Of each outcome's own circuits the area under faithfulness over the share of edges (CPR), and
    the area between it and 1 (CMD), both of Mueller et al. 2504.13151."""
    found = []
    for (outcome,), own in _by(rows, "outcome").items():
        kept = [row for row in own if (row["circuit"], row["way"]) == (outcome, "kept")]
        means = {s: np.mean([r["effect"] for r in at]) for (s,), at in _by(kept, "share").items()}
        if means:
            shares = [0.0, *sorted(means), 1.0]
            faithful = np.array([0.0, *(means[share] for share in sorted(means)), 1.0])
            areas = np.trapezoid(faithful, shares), np.trapezoid(np.abs(1 - faithful), shares)
            cpr, cmd = map(number, areas)
            found.append({"outcome": outcome, "cpr": cpr, "cmd": cmd})
    return found


def _agreement(cuts: Sequence[Row]) -> Numbers | None:
    """Correlations of estimated with exact effects, within each run, their means over runs."""
    from scipy.stats import pearsonr, spearmanr

    found = {"pearson": [], "spearman": []}
    programs = []
    for (_, program), own in _by(cuts, "example_id", "program_id").items():
        estimated, exact = ([row[name] for row in own] for name in ("estimated", "exact"))
        if np.ptp(estimated) and np.ptp(exact):
            found["pearson"].append(pearsonr(estimated, exact).statistic)
            found["spearman"].append(spearmanr(estimated, exact).statistic)
            programs.append(program)
    if not programs:
        return None
    means = {
        name: Clustered.of(values, programs).mean().within(-1, 1).numbers()
        for name, values in found.items()
    }
    points = [[number(row["estimated"]), number(row["exact"])] for row in cuts]
    return {"n_edges": len(cuts), **means, "points": points}


def _paths(rows: Sequence[Row], margin: float) -> list[Numbers]:
    """Of each head the mean effect of the paths from the hole's name, `name`, and from as many
    other changed tokens, `others`, over the runs of all outcomes; the difference of the two, tested
    over all heads. `by_outcome` has the same means of each outcome, which are not tested: of its
    runs alone there are too few for so many heads."""
    found = []
    known = [row for row in rows if row["effect"] is not None]
    for (block, head), own in _by(known, "block", "head").items():
        name, others = (_effects_from(start, own) for start in ("name", "others"))
        programs = [row["program_id"] for row in own if row["start"] == "name"]
        by_outcome = [
            {"outcome": outcome, **_means(of_it)}
            for (outcome,), of_it in _by(own, "outcome").items()
        ]
        tested = {**_means(own), **paired_numbers(name - others, programs)}
        found.append({"block": block, "head": head, **tested, "by_outcome": by_outcome})
    judge_together(found, margin)
    return found


def _means(rows: Sequence[Row]) -> Numbers:
    """The mean effect by where the paths start, over runs."""
    return {
        start: Clustered.of(
            _effects_from(start, rows), [r["program_id"] for r in rows if r["start"] == start]
        )
        .mean()
        .ends()
        for start in ("name", "others")
    }


def _effects_from(start: str, rows: Sequence[Row]) -> NDArray[np.float64]:
    return np.array([row["effect"] for row in rows if row["start"] == start], np.float64)


def _by(rows: Sequence[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by some of their columns, in the order of the rows."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in columns), []).append(row)
    return found
