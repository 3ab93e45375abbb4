"""Fit what expects an error before steering: a probe of right and wrong, and the model's margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.groups import read_groups
from fimscope.experiments.probes.fit import fit_probe
from fimscope.experiments.steer.gates import area_under_curve
from fimscope.experiments.steer.tables import STEERING_GATES
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import ActivationCache, LastResiduals
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.statistics.estimate import Floats
from fimscope.steps.frame import Progress, log, run_step, step_parser

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ErrorProbe:
    """What a probe says of some examples.

    scores  [example], logit of wrong minus logit of right
    area    under its curve on `select`: the chance that a wrong example scores above a right one
    """

    point: int
    l2: float
    scores: Floats
    area: float


def fit_error_probe(
    residuals: Sequence[tuple[NDArray, NDArray, NDArray]],
    wrong: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    penalties: Sequence[float],
) -> ErrorProbe:
    """The probe of right and wrong that tells them apart best on `select`, of all points.

    residuals   [point]: those of `fit`, of `select`, and of the examples that are scored,
                each [example, d_model]
    wrong       whether each example of `fit` and of `select` is answered wrong

    Of equally good ones, and where `select` has only right or only wrong ones, that of the last
    point with the strongest penalty.
    """
    best: ErrorProbe | None = None
    progress = Progress("gates", len(residuals), "points")
    for point in reversed(range(len(residuals))):
        fit, select, scored = residuals[point]
        probe = None
        for l2 in sorted(penalties, reverse=True):
            probe = fit_probe(fit, wrong[0].astype(np.int64), 2, l2, probe)
            area = area_under_curve(_score(probe, select), wrong[1])
            if best is None or area > best.area:
                best = ErrorProbe(point, l2, _score(probe, scored), area)
        progress.add()
    return best


def _score(probe, residuals: NDArray) -> Floats:
    right, wrong = probe.scores(residuals).T
    return wrong - right


def margin_scores(predictions: Sequence[Row]) -> Floats:
    """[example]: how much less likely the first token is than it could be, against the second.

    Minus the difference of their log-probabilities: the smaller the margin, the higher.
    """
    tops = [[own["logprob"] for own in row["top10"][:2]] for row in predictions]
    return np.array([top[-1] - top[0] for top in tops])


def gate_rows(
    predictions: Sequence[Row], groups: Mapping[str, str], probe: ErrorProbe | None
) -> list[Row]:
    """Rows of the steering_gates table.

    predictions   of `select` and `test`, in the order of the probe's scores
    """
    margins = margin_scores(predictions)
    gates = [("margin", None, None, margins)]
    if probe is not None:
        gates.append(("probe", probe.point, probe.l2, probe.scores))
    return [
        {
            **{key: row[key] for key in ("example_id", "edit", "program_id")},
            "group": groups[row["example_id"]],
            "outcome": "right" if row["correct"] else "wrong",
            "gate": gate,
            "point": point,
            "l2": l2,
            "score": float(score),
        }
        for gate, point, l2, scores in gates
        for row, score in zip(predictions, scores, strict=True)
    ]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs=2,
        required=True,
        help="of `original` and of the edit that is steered",
    )
    parser.add_argument("--activations", type=Path, required=True, help="folder of their caches")
    parser.add_argument("--l2", type=float, nargs="+", required=True, help="penalties to try")
    parser.add_argument("--out", type=Path, required=True, help="the steering_gates table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        groups = read_groups(args.examples)
        columns = ["example_id", "edit", "program_id", "correct", "top10"]
        originals, variants = (
            read_table(path, PREDICTIONS, columns).to_pylist() for path in args.predictions
        )
        of_group = {
            group: [row for row in variants if groups[row["example_id"]] == group]
            for group in ("fit", "select", "test")
        }
        fitted = [row for row in originals if groups[row["example_id"]] == "fit"]
        fitted += of_group["fit"]
        scored = of_group["select"] + of_group["test"]
        wrong = tuple(
            np.array([not row["correct"] for row in rows], dtype=bool)
            for rows in (fitted, of_group["select"])
        )
        probe = None
        if len(set(wrong[0].tolist())) == 2:
            caches = [ActivationCache(args.activations / path.stem) for path in args.predictions]
            last = LastResiduals(caches, range(caches[0].n_points))
            keys = (
                [(row["example_id"], row["edit"]) for row in rows]
                for rows in (fitted, of_group["select"], scored)
            )
            residuals = list(zip(*(last.of(own).float().numpy() for own in keys), strict=True))
            probe = fit_error_probe(residuals, wrong, args.l2)
            log.info("point %d, l2 %g: area %.3f on select", probe.point, probe.l2, probe.area)
        else:
            log.warning("all %d answers of fit are alike: no probe", len(fitted))
        write_table(args.out, STEERING_GATES, gate_rows(scored, groups, probe), manifest)


if __name__ == "__main__":
    main()
