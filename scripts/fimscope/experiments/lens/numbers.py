"""What the logit lens shows at every point, for right, wrong and broken variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import TOP
from fimscope.experiments.lens.tables import LENS
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import read_table
from fimscope.statistics.estimate import Floats
from fimscope.statistics.exact_tests import least_family_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm, is_clearly_significant

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURES = ("gold_rank", "gold_logprob", "foil_logprob", "final_rank", "entropy")
COMPARED = ("gold_logprob", "foil_logprob", "entropy")  # of a pair, at every point


@dataclass(frozen=True)
class LensCurves:
    """The lens at one position of some variants of one edit.

    points    [point]
    examples  [variant], example_id, ascending
    programs  [variant]
    right     [variant], bool
    broken    [variant], bool: wrong, and its original right
    foils     [variant], float64: the foil's token id, nan where there is none
    measures  name of MEASURES -> [variant, point] float64, nan where there is no foil
    """

    points: list[int]
    examples: NDArray[np.str_]
    programs: NDArray[np.str_]
    right: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    foils: Floats
    measures: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.examples)

    def take(self, rows: NDArray) -> "LensCurves":
        """Those of some variants, by number or by a mask."""
        own = (getattr(self, name)[rows] for name in list(vars(self))[1:-1])
        return LensCurves(self.points, *own, {k: v[rows] for k, v in self.measures.items()})

    def first_lead(self) -> Floats:
        """[variant], the point from which on the token that is first at the last point is first."""
        behind = self.measures["final_rank"] > 0
        n_points = behind.shape[1]
        last_behind = n_points - 1 - behind[:, ::-1].argmax(axis=1)
        return np.asarray(self.points)[np.where(behind.any(axis=1), last_behind + 1, 0)] * 1.0


_NO_WORDS, _NO_FLAGS = np.zeros(0, dtype=str), np.zeros(0, dtype=bool)
NOTHING = LensCurves(
    [],
    _NO_WORDS,
    _NO_WORDS,
    _NO_FLAGS,
    _NO_FLAGS,
    np.zeros(0),
    {name: np.zeros((0, 0)) for name in MEASURES},
)


def read_lens_curves(lens: Path, split: Path) -> dict[str, LensCurves]:
    """The curves of one edit at every position of its lens table.

    split    the split table of the same edit
    raises   UserError where the lens names a variant that the split lacks, or lacks a point
    """
    columns = ["example_id", "program_id", "position", "point", "foil_token_id", *MEASURES]
    frame, outcomes = read_table(lens, LENS, columns).to_pandas(), read_outcomes(split)
    strangers = set(frame["example_id"]) - set(outcomes.index)
    if strangers:
        raise UserError(f"{lens}: example {min(strangers)} is not in {split}; run read_lens again")
    return {
        position: curves_of(lens, rows, outcomes) for position, rows in frame.groupby("position")
    }


def read_outcomes(split: Path) -> "DataFrame":
    """Outcome and whether broken, of a split table, by example."""
    columns = ["example_id", "outcome", "broken"]
    return read_table(split, SPLIT, columns).to_pandas().set_index("example_id")


def group_numbers(curves: LensCurves) -> Numbers:
    """Curves of a group of variants: each with its mean and a 95% band over programs.

    rank        geometric mean of 1 + the gold's rank; gold, foil: mean probability
    lead        share of variants whose final answer is first from that point on
    first_lead  where that begins: median and quartiles over variants
    """
    if not len(curves):
        return {"n": 0, "n_programs": 0}
    measures, first_lead = curves.measures, curves.first_lead()
    n_points = len(curves.points)
    stacked = np.hstack(
        [
            np.log1p(measures["gold_rank"]),
            np.exp(measures["gold_logprob"]),
            measures["entropy"],
        ]
    )
    means = Clustered.of(stacked, curves.programs).mean()
    rank, gold, entropy = (means[i * n_points : (i + 1) * n_points] for i in range(3))
    leads = first_lead[:, None] <= np.asarray(curves.points)
    lead = Clustered.of(leads, curves.programs).rate()
    lead.lower[-1] = 1.0  # all have settled at the last point by definition
    found: Numbers = {
        "n": len(curves),
        "n_programs": means.n_programs,
        "rank": rank.within(0, np.inf).map(np.exp).ends(),
        "gold": gold.within(0, 1).ends(),
        "entropy": entropy.within(0, np.inf).ends(),
        "lead": lead.ends(),
    }
    known = ~np.isnan(curves.foils)
    found["n_foils"] = int(known.sum())
    if known.any():
        foil = np.exp(measures["foil_logprob"][known])
        found["foil"] = Clustered.of(foil, curves.programs[known]).mean().within(0, 1).ends()
    best = measures["gold_rank"].min(axis=1)
    return {
        **found,
        "median_rank": number(np.median(measures["gold_rank"], axis=0)),
        "first_lead": number(np.quantile(first_lead, [0.25, 0.5, 0.75])),
        "n_gold_first_somewhere": int((best == 0).sum()),
        "n_gold_top10_somewhere": int((best < TOP).sum()),
    }


def match_pairs(originals: LensCurves, variants: LensCurves) -> tuple[LensCurves, LensCurves]:
    """Each broken variant and its original, in one order.

    Where the foil of the two is not the same token, neither has one.
    """
    broken = variants.take(variants.broken)
    both = np.isin(broken.examples, originals.examples)
    broken = broken.take(both)
    before = originals.take(np.searchsorted(originals.examples, broken.examples))
    same = before.foils == broken.foils
    return _without_foils(before, ~same), _without_foils(broken, ~same)


def choose_pairs(originals: LensCurves, variants: LensCurves) -> dict[str, str]:
    """Broken pairs to look at, by where the variant's final answer leads: choice -> example_id.

    The earliest, the one at the median and the latest; of equal ones the first by example_id. With
    fewer than three pairs one of them stands for several choices and has the last of their names.
    """
    _, after = match_pairs(originals, variants)
    if not len(after):
        return {}
    ranked = np.argsort(after.first_lead(), kind="stable")
    places = {"earliest": 0, "median": len(after) // 2, "latest": len(after) - 1}
    names = {str(after.examples[ranked[place]]): choice for choice, place in places.items()}
    return {choice: example for example, choice in names.items()}


def pair_numbers(before: LensCurves, after: LensCurves) -> Numbers:
    """Originals beside their broken variants, and the paired differences, original minus variant.

    differences  measure -> its mean with a 95% band, the p-values of a sign test over programs
                 adjusted over all measures and points (Holm), and the points at which they show a
                 difference, the band on one side of 0
    """
    found: Numbers = {
        "n": len(after),
        "n_programs": len(set(after.programs)),
        "original": group_numbers(before),
        "variant": group_numbers(after),
        "differences": {},
        "first_lead": None,
    }
    if not len(after):
        return found
    p_values: list[float] = []
    for name in COMPARED:
        difference = before.measures[name] - after.measures[name]
        known = ~np.isnan(difference).any(axis=1)
        if not known.any():
            continue
        difference, programs = difference[known], after.programs[known]
        found["differences"][name] = Clustered.of(difference, programs).mean().numbers()
        p_values += [sign_test(column, programs) for column in difference.T]
    adjusted = np.array(holm(p_values)).reshape(-1, len(after.points))
    for row, p in zip(found["differences"].values(), adjusted, strict=True):
        row["adjusted_p"] = significant(p)
        row["least_adjusted_p"] = least_family_p(row["n_programs"], adjusted.size)
        means = zip(row["lower"], row["upper"], strict=True)
        one_sided = np.array([None not in ends and ends[0] * ends[1] > 0 for ends in means])
        row["points_apart"] = np.array(after.points)[is_clearly_significant(p) & one_sided].tolist()
    later = before.first_lead() - after.first_lead()
    found["first_lead"] = {
        **Clustered.of(later[:, None], after.programs).mean().numbers(),
        "p": significant(sign_test(later, after.programs)),
    }
    return found


def points_less_likely(pairs: Numbers, points: Sequence[int]) -> list[int]:
    """Where variants are shown to have a less likely gold than their originals.

    pairs   of `pair_numbers`, of one pair at least
    """
    gold = pairs["differences"]["gold_logprob"]
    return [
        point
        for point, mean in zip(points, gold["estimate"], strict=True)
        if point in gold["points_apart"] and mean > 0
    ]


def lens_numbers(curves: Mapping[str, Mapping[str, LensCurves]], edit: str) -> Numbers:
    """All numbers of the lens section.

    curves   edit -> position -> curves, `original` among the edits
    edit     the one whose broken variants are compared with their originals
    """
    originals = curves["original"]
    last = {name: positions.get("last", NOTHING) for name, positions in curves.items()}
    same = [
        name for name in originals if name != "last" and _same(originals[name], last["original"])
    ]
    return {
        "points": last["original"].points,
        "edit": edit,
        "last": {name: outcome_numbers(own) for name, own in last.items()},
        "pairs": pair_numbers(*match_pairs(last["original"], last[edit])),
        "positions": {
            name: outcome_numbers(own)
            for name, own in originals.items()
            if name != "last" and name not in same
        },
        "same_as_last": same,
    }


def outcome_numbers(curves: LensCurves) -> Numbers:
    return {
        "right": group_numbers(curves.take(curves.right)),
        "wrong": group_numbers(curves.take(~curves.right)),
    }


def _same(curves: LensCurves, other: LensCurves) -> bool:
    """Whether a position is the same token as another in every prompt: it has the same values."""
    return np.array_equal(curves.measures["gold_logprob"], other.measures["gold_logprob"])


def curves_of(
    path: Path, rows: "DataFrame", outcomes: "DataFrame", measures: Sequence[str] = MEASURES
) -> LensCurves:
    """The curves of the rows of one edit, position and kind of lens.

    path       where they were read, for the error
    outcomes   of `read_outcomes`, of the same edit
    measures   columns of the rows
    raises     UserError where a variant lacks a point
    """
    wide = rows.pivot(index="example_id", columns="point")
    if wide["entropy"].isna().to_numpy().any():
        raise UserError(f"{path}: a variant lacks a point; run read_lens again")
    own = outcomes.loc[wide.index]
    return LensCurves(
        points=[int(point) for point in wide["entropy"].columns],
        examples=wide.index.to_numpy(dtype=str),
        programs=wide["program_id"].iloc[:, 0].to_numpy(dtype=str),
        right=(own["outcome"] == "right").to_numpy(),
        broken=own["broken"].to_numpy(dtype=bool),
        foils=wide["foil_token_id"].iloc[:, 0].to_numpy(dtype=np.float64),
        measures={name: wide[name].to_numpy(dtype=np.float64) for name in measures},
    )


def _without_foils(curves: LensCurves, rows: NDArray) -> LensCurves:
    foils = np.where(rows, np.nan, curves.foils)
    logprob = np.where(rows[:, None], np.nan, curves.measures["foil_logprob"])
    measures = {**curves.measures, "foil_logprob": logprob}
    return LensCurves(**{**vars(curves), "foils": foils, "measures": measures})
