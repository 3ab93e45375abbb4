"""The numbers that figures and sections on patches share, as plain values ready for JSON."""

import numpy as np

from fimscope.experiments.patch.curves import (
    Comparison,
    Sweep,
    compare_to_controls,
    half_reached,
    resample_curves,
)
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.stats import (
    LEVEL,
    Interval,
    Resampled,
    holm,
    percentile_interval,
    rate_interval,
    resample_means,
    sign_test,
)


def sweep_numbers(sweep: Sweep, n_draws: int, seed: int) -> Numbers:
    """Curves of a patch sweep, and where the paired donor does more than its controls.

    The comparison is of the share of recipients that turn to the target, and beside it of the
    normalised effect; both are sign tests over programs, which the unbounded ratios of a random
    vector cannot sway.
    """
    resampled_effects = resample_curves(sweep.effects, n_draws, seed)
    resampled_flips = resample_curves(sweep.flips, n_draws, seed)
    effects = {
        kind: _curve_numbers(resampled, percentile_interval(resampled))
        for kind, resampled in resampled_effects.items()
    }
    flips = {
        kind: _curve_numbers(resampled, rate_interval(resampled))
        for kind, resampled in resampled_flips.items()
    }
    comparison = compare_to_controls(sweep.flips)
    itself = sweep.effects.get("self")
    return {
        "condition": sweep.condition,
        "position": sweep.position,
        "n_pairs": sweep.n_pairs,
        "n_small_gap": sweep.n_small_gap,
        "points": sweep.points,
        "effects": effects,
        "flips": flips,
        "largest_self_effect": None if itself is None else number(np.abs(itself.values).max()),
        "comparison": _comparison_numbers(sweep.points, comparison),
        "effect_comparison": _comparison_numbers(sweep.points, compare_to_controls(sweep.effects)),
        "half_of_flips": _half_of_maximum(sweep.points, resampled_flips, comparison),
    }


def points_above(comparison: Numbers | None) -> list[int]:
    """Where the paired donor does more than every control; nowhere if there is no comparison."""
    return comparison["points_above"] if comparison else []


def paired_means(sweep: Numbers) -> list[float]:
    """The paired donor's mean effect at every point; none where no pair has one."""
    return sweep["effects"].get("paired", {}).get("estimate", [])


def compare_conditions(one: Sweep, other: Sweep, n_draws: int, seed: int) -> Numbers | None:
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
    resampled = resample_means(np.hstack(values), programs, n_draws, seed)
    difference = values[1] - values[0]
    spread = resampled.draws[:, n_points:] - resampled.draws[:, :n_points]
    lower, upper = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    adjusted = holm([sign_test(column, programs) for column in difference.T])
    points = np.array(one.points)
    halves = [
        points[half_reached(draws)]
        for draws in (resampled.draws[:, :n_points], resampled.draws[:, n_points:])
    ]
    estimates = [
        points[half_reached(means)]
        for means in (resampled.estimate[:n_points], resampled.estimate[n_points:])
    ]
    return {
        "one": one.condition,
        "other": other.condition,
        "n_pairs": len(common),
        "n_programs": resampled.n_programs,
        "points": one.points,
        "difference": [number(value) for value in difference.mean(axis=0)],
        "lower": [number(value) for value in lower],
        "upper": [number(value) for value in upper],
        "adjusted_p": [significant(p) for p in adjusted],
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


def _curve_numbers(resampled: Resampled, ends: Interval) -> Numbers:
    return {
        "n_pairs": resampled.n_rows,
        "n_programs": resampled.n_programs,
        "estimate": [number(value) for value in resampled.estimate],
        "lower": [number(value) for value in ends.lower],
        "upper": [number(value) for value in ends.upper],
    }


def _comparison_numbers(points: list[int], comparison: Comparison | None) -> Numbers | None:
    if comparison is None:
        return None
    return {
        "n_pairs": comparison.n_pairs,
        "n_programs": comparison.n_programs,
        "difference": {
            control: [number(value) for value in means]
            for control, means in comparison.difference.items()
        },
        "adjusted_p": {
            control: [significant(p) for p in p_values]
            for control, p_values in comparison.adjusted_p.items()
        },
        "points_above": [p for p, above in zip(points, comparison.above, strict=True) if above],
    }


def _half_of_maximum(
    points: list[int], curves: dict[str, Resampled], comparison: Comparison | None
) -> Numbers | None:
    """Where the paired curve peaks and first reaches half of that, with an interval over programs.

    None if it never stands out from its controls.
    """
    if comparison is None or not comparison.above.any() or "paired" not in curves:
        return None
    curve = curves["paired"]
    peak = int(np.argmax(curve.estimate))
    places = np.array(points)
    half = _whole(places[half_reached(curve.estimate)], places[half_reached(curve.draws)])
    return {
        "maximum": number(curve.estimate[peak]),
        "at": points[peak],
        "half_at": half["estimate"],
        "half_lower": half["lower"],
        "half_upper": half["upper"],
    }


def _whole(estimate: int, draws: np.ndarray) -> Numbers:
    """A whole number and its interval, of whole numbers too."""
    tail = (1 - LEVEL) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return {"estimate": int(estimate), "lower": int(lower), "upper": int(upper)}
