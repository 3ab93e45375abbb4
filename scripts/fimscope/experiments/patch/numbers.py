"""The numbers that figures and sections on patches share, as plain values ready for JSON."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.patch.curves import Curve, Sweep
from fimscope.statistics.bootstrap import Bootstrap, Resampled, middle
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.exact_tests import sign_test
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm, is_significant


def sweep_numbers(sweep: Sweep, bootstrap: Bootstrap) -> Numbers:
    """Curves of a patch sweep, and where the paired donor does more than its controls.

    The comparison is of the share of recipients that turn to the target, and beside it of the
    normalised effect; both are sign tests over programs, which the unbounded ratios of a random
    vector cannot sway.
    """
    effects, flips = (
        {kind: bootstrap.resample(own.values, own.programs) for kind, own in curves.items()}
        for curves in (sweep.effects, sweep.flips)
    )
    comparison = compare_to_controls(sweep.points, sweep.flips)
    itself = sweep.effects.get("self")
    return {
        "condition": sweep.condition,
        "position": sweep.position,
        "n_pairs": sweep.n_pairs,
        "n_small_gap": sweep.n_small_gap,
        "points": sweep.points,
        "effects": {kind: _curve_numbers(own.mean()) for kind, own in effects.items()},
        "flips": {kind: _curve_numbers(own.rate()) for kind, own in flips.items()},
        "largest_self_effect": None if itself is None else number(np.abs(itself.values).max()),
        "comparison": comparison,
        "effect_comparison": compare_to_controls(sweep.points, sweep.effects),
        "half_of_flips": (
            _half_of_maximum(sweep.points, flips["paired"]) if points_above(comparison) else None
        ),
    }


def compare_to_controls(points: list[int], curves: Mapping[str, Curve]) -> Numbers | None:
    """At which points the paired donor does more than each of its controls.

    points    [point]
    curves    donor kind -> its curve; all kinds but `paired` are controls
    returns   n_pairs, n_programs of the recipients with all kinds; difference, control -> [point],
              the mean of paired minus control; adjusted_p, control -> [point]; points_above, where
              the difference is positive and significant for every control

    A sign test over programs at each point against each control, exact however few programs differ;
    all points and all controls are one family (Holm 1979). None where there is no paired donor, no
    control, or no recipient that has them all.
    """
    controls = [kind for kind in curves if kind != "paired"]
    if "paired" not in curves or not controls:
        return None
    common = sorted(set.intersection(*(set(curve.pairs) for curve in curves.values())))
    if not common:
        return None
    kept = {kind: curve.values[np.isin(curve.pairs, common)] for kind, curve in curves.items()}
    programs = curves["paired"].programs[np.isin(curves["paired"].pairs, common)]
    differences = [kept["paired"] - kept[control] for control in controls]
    p_values = [sign_test(column, programs) for own in differences for column in own.T]
    adjusted = np.array(holm(p_values)).reshape(len(controls), -1)
    means = np.array([own.mean(axis=0) for own in differences])
    above = (is_significant(adjusted) & (means > 0)).all(axis=0)
    return {
        "n_pairs": len(common),
        "n_programs": len(set(programs)),
        "difference": dict(zip(controls, number(means), strict=True)),
        "adjusted_p": dict(zip(controls, significant(adjusted), strict=True)),
        "points_above": np.array(points)[above].tolist(),
    }


def half_reached(curves: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where each curve [..., point] first reaches half of its maximum, [...].

    A curve that is never above 0 reaches it nowhere: it gets its last place.
    """
    peak = curves.max(axis=-1, keepdims=True)
    first = (curves >= peak / 2).argmax(axis=-1)
    return np.where(peak[..., 0] > 0, first, curves.shape[-1] - 1)


def points_above(comparison: Numbers | None) -> list[int]:
    """Where the paired donor does more than every control; nowhere if there is no comparison."""
    return comparison["points_above"] if comparison else []


def paired_means(sweep: Numbers) -> list[float]:
    """The paired donor's mean effect at every point; none where no pair has one."""
    return sweep["effects"].get("paired", {}).get("estimate", [])


def compare_conditions(one: Sweep, other: Sweep, bootstrap: Bootstrap) -> Numbers | None:
    """Whether two conditions' paired donors turn the same recipients at the same points.

    Of the examples that both have: the difference of the shares that turn, other minus one, at
    every point, with a sign test over programs adjusted by Holm over the points; and where each
    curve reaches half of its maximum, with intervals of both and of their difference from the same
    draws of programs. None where they share no example.
    """
    curves = [_by_example(sweep) for sweep in (one, other)]
    common = sorted(set(curves[0]).intersection(curves[1]))
    if not common or one.points != other.points:
        return None
    values = [np.array([curve[name][1] for name in common]) for curve in curves]
    programs = [curves[0][name][0] for name in common]
    n_points = len(one.points)
    resampled = bootstrap.resample(np.hstack(values), programs)
    difference = values[1] - values[0]
    spread = middle(resampled.draws[:, n_points:] - resampled.draws[:, :n_points])
    adjusted = holm([sign_test(column, programs) for column in difference.T])
    points = np.array(one.points)
    halves = [
        points[half_reached(draws)]
        for draws in (resampled.draws[:, :n_points], resampled.draws[:, n_points:])
    ]
    estimates = [
        points[half_reached(means)]
        for means in (resampled.value[:n_points], resampled.value[n_points:])
    ]
    return {
        "one": one.condition,
        "other": other.condition,
        "n_pairs": len(common),
        "n_programs": resampled.n_programs,
        "points": one.points,
        "difference": number(difference.mean(axis=0)),
        "lower": number(spread.lower),
        "upper": number(spread.upper),
        "adjusted_p": significant(adjusted),
        "half_at": [
            _whole(estimate, draws) for estimate, draws in zip(estimates, halves, strict=True)
        ],
        "half_difference": _whole(estimates[1] - estimates[0], halves[1] - halves[0]),
    }


def _by_example(sweep: Sweep) -> dict[str, tuple[str, np.ndarray]]:
    """Program and flips [point] of each recipient under the paired donor."""
    curve = sweep.flips.get("paired")
    if curve is None:
        return {}
    rows = zip(curve.pairs, curve.programs, curve.values, strict=True)
    return {
        pair.removeprefix(f"{sweep.condition}-"): (program, values)
        for pair, program, values in rows
    }


def _curve_numbers(curve: Estimate) -> Numbers:
    return {"n_pairs": curve.n, "n_programs": curve.n_programs, **curve.ends()}


def _half_of_maximum(points: list[int], curve: Resampled) -> Numbers:
    """Where a curve peaks and first reaches half of that, with an interval over programs."""
    peak = int(np.argmax(curve.value))
    places = np.array(points)
    half = _whole(places[half_reached(curve.value)], places[half_reached(curve.draws)])
    return {
        "maximum": number(curve.value[peak]),
        "at": points[peak],
        "half_at": half["estimate"],
        "half_lower": half["lower"],
        "half_upper": half["upper"],
    }


def _whole(estimate: int, draws: np.ndarray) -> Numbers:
    """A whole number and its interval, of whole numbers too."""
    ends = middle(draws, method="inverted_cdf")
    return {"estimate": int(estimate), "lower": int(ends.lower), "upper": int(ends.upper)}
