"""What the linear lens reads at every point, beside the logit lens and shuffled pairs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fimscope.errors import UserError
from fimscope.experiments.lens.numbers import (
    MEASURES,
    NOTHING,
    LensCurves,
    curves_of,
    match_pairs,
    outcome_numbers,
    pair_numbers,
    read_outcomes,
)
from fimscope.experiments.lens.tables import LINEAR_LENS
from fimscope.files.tables import read_table
from fimscope.statistics.estimate import Floats
from fimscope.statistics.exact_tests import least_family_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm
from fimscope.statistics.verdicts import Verdict, judge

DISTANCES = ("error", "spread")
# What the fitted maps are held against.
RIVALS = ("logit", "shuffled")


def read_linear_curves(
    linear: Path, splits: Mapping[str, Path]
) -> dict[str, dict[str, LensCurves]]:
    """edit -> kind of map -> its curves on `test`, the distances among their measures.

    splits   edit -> its split table
    raises   UserError where the table names a variant that the splits lack
    """
    keys = ["example_id", "edit", "program_id", "map", "point", "foil_token_id"]
    frame = read_table(linear, LINEAR_LENS, [*keys, *MEASURES, *DISTANCES]).to_pandas()
    found: dict[str, dict[str, LensCurves]] = {}
    for (edit, kind), rows in frame.groupby(["edit", "map"]):
        outcomes = read_outcomes(splits[edit])
        if strangers := set(rows["example_id"]) - set(outcomes.index):
            raise UserError(
                f"{linear}: example {min(strangers)} is not in {splits[edit]}; "
                "run fit_linear_lens again"
            )
        curves = curves_of(linear, rows, outcomes, [*MEASURES, *DISTANCES])
        found.setdefault(edit, {})[kind] = curves
    return found


def linear_numbers(
    linear: Mapping[str, Mapping[str, LensCurves]],
    logit: Mapping[str, LensCurves],
    edit: str,
    margin: float,
) -> Numbers:
    """All numbers of the linear lens; only `n`, 0, where there is no map.

    linear   of `read_linear_curves`, `original` and the edit
    logit    edit -> the logit lens at the last token
    margin   within which of 0 a difference of shares counts as none

    fit        kind of map -> share of the spread of the last residuals that it explains, by point
    agreement  lens -> share of variants whose likeliest token is the model's final answer, by point
    beside     rival -> that share under the fitted map minus under the rival, by point
    lead       the point from which on the final answer leads, linear minus logit lens
    last       outcome of originals -> as in `group_numbers`
    pairs      as in `pair_numbers`
    """
    if not linear:
        return {"n": 0}
    curves: dict[str, list[LensCurves]] = {"fitted": [], "shuffled": [], "logit": []}
    for name, kinds in linear.items():
        own = logit[name]
        curves["logit"].append(own.take(np.searchsorted(own.examples, kinds["fitted"].examples)))
        for kind in ("fitted", "shuffled"):
            curves[kind].append(kinds[kind])
    programs = np.concatenate([own.programs for own in curves["fitted"]])
    leads = {kind: _stacked(own, "final_rank") == 0 for kind, own in curves.items()}
    # A map of shuffled pairs does not end at the final answer.
    first = {
        kind: np.concatenate([own.first_lead() for own in curves[kind]])
        for kind in ("fitted", "logit")
    }
    earlier = first["fitted"] - first["logit"]
    points = curves["fitted"][0].points
    original, variants = (
        linear[name]["fitted"] if name in linear else NOTHING for name in ("original", edit)
    )
    return {
        "points": points,
        "n": len(programs),
        "n_programs": len(set(programs)),
        "edit": edit,
        "fit": {kind: _explained(curves[kind], programs) for kind in ("fitted", "shuffled")},
        "agreement": {
            kind: Clustered.of(own, programs).rate().numbers() for kind, own in leads.items()
        },
        "beside": _beside(leads, programs, points, margin),
        "lead": {
            **{kind: number(np.median(own)) for kind, own in first.items()},
            **Clustered.of(earlier[:, None], programs).mean().numbers(),
            "p": significant(sign_test(earlier, programs)),
        },
        "last": outcome_numbers(original),
        "pairs": pair_numbers(*match_pairs(original, variants)),
    }


def _stacked(curves: list[LensCurves], measure: str) -> Floats:
    """[variant, point], of all edits."""
    return np.vstack([own.measures[measure] for own in curves])


def _explained(curves: list[LensCurves], programs: np.ndarray) -> Numbers:
    """One minus error over spread: 0 is the mean of `fit`, 1 the last residuals themselves."""
    error, spread = (_stacked(curves, name) for name in DISTANCES)
    explained = Clustered.of(1 - error / spread.mean(axis=0), programs).mean()
    return explained.within(-np.inf, 1).numbers()


def _beside(
    leads: Mapping[str, np.ndarray], programs: np.ndarray, points: list[int], margin: float
) -> Numbers:
    """Differences with intervals, sign tests adjusted over rivals and points (Holm), and verdicts.

    The last point is left out: there the map is the model itself, and so is the logit lens.

    points_above, points_below, points_within   where a difference is shown, by its sign, and where
                                                it is shown to be none
    """
    shown = points[:-1]
    differences = {
        rival: (leads["fitted"].astype(float) - leads[rival])[:, : len(shown)] for rival in RIVALS
    }
    p_values = [sign_test(own, programs) for own in differences.values()]
    adjusted = np.array(holm(np.concatenate(p_values).tolist())).reshape(len(RIVALS), -1)
    found = {}
    for (rival, own), p in zip(differences.items(), adjusted, strict=True):
        change = Clustered.of(own, programs).difference()
        verdicts = [judge(change[i], margin=margin, p=p[i]) for i in range(len(shown))]
        signed = list(zip(shown, verdicts, change.value, strict=True))
        found[rival] = {
            **change.numbers(),
            "adjusted_p": significant(p),
            "least_adjusted_p": least_family_p(change.n_programs, adjusted.size),
            "points_above": [k for k, v, d in signed if v is Verdict.SHOWN and d > 0],
            "points_below": [k for k, v, d in signed if v is Verdict.SHOWN and d < 0],
            "points_within": [k for k, v, _ in signed if v is Verdict.SHOWN_ABSENT],
        }
    return found
