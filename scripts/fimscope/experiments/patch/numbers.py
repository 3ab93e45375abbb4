"""The numbers that figures and sections on patches share, as plain values ready for JSON."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.patch.curves import Curve, Sweep
from fimscope.statistics.bootstrap import Bootstrap, Resampled, middle
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.exact_tests import least_family_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm, is_clearly_significant
from fimscope.statistics.verdicts import (
    Verdict,
    judge,
    programs_to_decide,
    rules_out,
)


def sweep_numbers(sweep: Sweep, bootstrap: Bootstrap, margin: float) -> Numbers:
    """Curves of a patch sweep, and where the paired donor does more than its controls.

    margin   of the normalised effect: a paired donor of less does nothing

    The comparison is of the share of recipients that turn to the target, and beside it of the
    normalised effect; both are sign tests over programs, which the unbounded ratios of a random
    vector cannot sway. Both are of one recipient under two donors, so that what it takes to turn
    that recipient is the same on both sides; conditions are compared by `compare_conditions`.
    `within_margin` are the points at which the paired donor's mean effect is shown to be less than
    the margin, all of them at once (Bonferroni). `half_of_effect` is of `_half_of_effect`.
    """
    effects, flips = (
        {kind: bootstrap.resample(own.values, own.programs) for kind, own in curves.items()}
        for curves in (sweep.effects, sweep.flips)
    )
    itself = sweep.effects.get("self")
    found = {
        "condition": sweep.condition,
        "position": sweep.position,
        "n_pairs": sweep.n_pairs,
        "n_small_gap": sweep.n_small_gap,
        "points": sweep.points,
        "effects": {kind: _curve_numbers(own.mean()) for kind, own in effects.items()},
        "flips": {kind: _curve_numbers(own.rate()) for kind, own in flips.items()},
        "largest_self_effect": None if itself is None else number(np.abs(itself.values).max()),
        "comparison": compare_to_controls(sweep.points, sweep.flips, Clustered.difference),
        "effect_comparison": compare_to_controls(sweep.points, sweep.effects, Clustered.mean),
        "margin": margin,
        "within_margin": _within_margin(sweep, margin),
    }
    return {**found, "half_of_effect": _half_of_effect(found, effects)}


def compare_to_controls(
    points: list[int], curves: Mapping[str, Curve], interval: Callable[[Clustered], Estimate]
) -> Numbers | None:
    """At which points the paired donor does more than each of its controls.

    points    [point]
    curves    donor kind -> its curve; all kinds but `paired` are controls
    interval  of paired minus control: `Clustered.difference` of shares that turn, `Clustered.mean`
              of effects
    returns   n_pairs, n_programs of the recipients with all kinds; difference, lower, upper,
              control -> [point], the mean of paired minus control and its 95% interval over
              programs; adjusted_p, control -> [point]; least_adjusted_p, the
              smallest that these programs can give; points_above and points_below, where every
              control has an interval above 0, or below, and a p that is not within a hair of ALPHA

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
    p_values = [p for own in differences for p in sign_test(own, programs).tolist()]
    adjusted = np.array(holm(p_values)).reshape(len(controls), -1)
    means = [interval(Clustered.of(own, programs)) for own in differences]
    clear = is_clearly_significant(adjusted)
    above = clear & (np.array([own.lower for own in means]) > 0)
    below = clear & (np.array([own.upper for own in means]) < 0)
    return {
        "n_pairs": len(common),
        "n_programs": len(set(programs)),
        "difference": {c: number(own.value) for c, own in zip(controls, means, strict=True)},
        "lower": {c: number(own.lower) for c, own in zip(controls, means, strict=True)},
        "upper": {c: number(own.upper) for c, own in zip(controls, means, strict=True)},
        "adjusted_p": dict(zip(controls, significant(adjusted), strict=True)),
        "least_adjusted_p": least_family_p(len(set(programs)), adjusted.size),
        "points_above": np.array(points)[above.all(axis=0)].tolist(),
        "points_below": np.array(points)[below.all(axis=0)].tolist(),
    }


def verdicts_of(sweep: Numbers, comparison: Numbers | None) -> dict[Verdict, list[int]]:
    """The sweep's points by their verdict on `the paired donor does more than every control`.

    sweep        numbers of `sweep_numbers`
    comparison   its `comparison` or its `effect_comparison`
    """
    above = points_above(comparison)
    absent = [point for point in sweep["within_margin"] if point not in above]
    return {
        Verdict.SHOWN: above,
        Verdict.SHOWN_ABSENT: absent,
        Verdict.UNDECIDED: [p for p in sweep["points"] if p not in above and p not in absent],
    }


def half_reached(curves: NDArray[np.float64], places: Sequence[int]) -> NDArray[np.int64]:
    """At which of some places each curve [..., point] first has half of its maximum, [...].

    A curve that is never above 0, or has half at none of the places, gets the last of them.
    """
    peak = curves.max(axis=-1, keepdims=True)
    there = (curves[..., places] >= peak / 2) & (peak > 0)
    return np.asarray(places)[np.where(there.any(axis=-1), there.argmax(axis=-1), -1)]


def points_above(comparison: Numbers | None) -> list[int]:
    """Where the paired donor does more than every control; nowhere if there is no comparison."""
    return comparison["points_above"] if comparison else []


def points_below(comparison: Numbers | None) -> list[int]:
    """Where the paired donor does less than every control; nowhere if there is no comparison."""
    return comparison["points_below"] if comparison else []


def paired_means(sweep: Numbers) -> list[float]:
    """The paired donor's mean effect at every point; none where no pair has one."""
    return sweep["effects"].get("paired", {}).get("estimate", [])


def compare_conditions(
    one: Sweep,
    other: Sweep,
    above: tuple[Collection[int], Collection[int]],
    margin: float,
) -> Numbers | None:
    """Whether two conditions' paired donors have the same effect on the same recipients.

    above     the points at which each is above its controls: those of both are compared
    margin    of the normalised effect: effects that differ by less are alike
    returns   difference, lower, upper, [point], of the mean effects of the examples that both have,
              other minus one, each interval of 95% by a t test clustered by program; adjusted_p of
              that test over the points (Holm); points_apart, where the difference is shown;
              points_open, where it may be more than the margin; verdict, of `they differ`: shown
              where they do at some point, shown absent where every interval lies within the margin
              (which needs no adjustment: all of them have to); programs_to_decide, where it is
              undecided, and verdict_to_come, what so many would decide: shown as soon as some point
              would be, shown absent as all would be. None where they share no example or no point.

    The shares that turn are not compared: a recipient turns where the target passes its own answer,
    which takes the more the surer that answer is, and the recipients of one condition are surer
    against their target than those of the other.
    """
    curves = [_by_example(sweep) for sweep in (one, other)]
    common = sorted(set(curves[0]).intersection(curves[1]))
    places = [place for place, point in enumerate(one.points) if any(point in p for p in above)]
    if not common or not places or one.points != other.points:
        return None
    values = [np.array([curve[name][1] for name in common]) for curve in curves]
    programs = [curves[0][name][0] for name in common]
    difference = (values[1] - values[0])[:, places]
    found, p_values = clustered_mean(difference, programs)
    adjusted = holm(p_values.tolist())
    at_once = Clustered.of(difference, programs).mean(n_tests=len(places))
    kept = [one.points[place] for place in places]
    columns = range(len(places))
    apart = [judge(at_once[i], margin=margin, p=adjusted[i]) is Verdict.SHOWN for i in columns]
    # Where the whole interval is within the margin the two are alike there, whatever its p.
    alike = [judge(found[i], margin=margin, p=1.0) is Verdict.SHOWN_ABSENT for i in columns]
    verdict = (
        Verdict.SHOWN if any(apart) else Verdict.SHOWN_ABSENT if all(alike) else Verdict.UNDECIDED
    )
    needed, to_come = None, None
    if verdict is Verdict.UNDECIDED:
        still = [i for i in columns if not alike[i]]
        needed, to_come = _to_decide(found[still], p_values[still], margin, len(places))
    return {
        "one": one.condition,
        "other": other.condition,
        "n_pairs": len(common),
        "n_programs": found.n_programs,
        "points": kept,
        "margin": margin,
        "difference": number(found.value),
        "lower": number(found.lower),
        "upper": number(found.upper),
        "adjusted_p": significant(np.array(adjusted)),
        "points_apart": [point for point, own in zip(kept, apart, strict=True) if own],
        "points_open": [point for point, own in zip(kept, alike, strict=True) if not own],
        "verdict": verdict,
        "programs_to_decide": needed,
        "verdict_to_come": to_come,
    }


def _to_decide(
    found: Estimate, p_values: NDArray[np.float64], margin: float, n_tests: int
) -> tuple[int | None, Verdict | None]:
    """`programs_to_decide` and `verdict_to_come` of conditions that are undecided at some points.

    found, p_values   [point], those
    n_tests           points that are compared, of which none is shown

    None, None where some point's number cannot be told and no other would be shown.
    """
    of_point = [
        programs_to_decide(found[i], margin=margin, p=p, n_open=n_tests)
        for i, p in enumerate(p_values.tolist())
    ]
    apart = [own for own in of_point if own and own[1] is Verdict.SHOWN]
    if apart:
        return min(apart)
    return max(of_point) if None not in of_point else (None, None)


def _by_example(sweep: Sweep) -> dict[str, tuple[str, np.ndarray]]:
    """Program and effects [point] of each recipient under the paired donor."""
    curve = sweep.effects.get("paired")
    if curve is None:
        return {}
    rows = zip(curve.pairs, curve.programs, curve.values, strict=True)
    return {
        pair.removeprefix(f"{sweep.condition}-"): (program, values)
        for pair, program, values in rows
    }


def _within_margin(sweep: Sweep, margin: float) -> list[int]:
    """The points at which the paired donor's mean effect is shown to be less than the margin."""
    curve = sweep.effects.get("paired")
    if curve is None:
        return []
    mean = Clustered.of(curve.values, curve.programs).mean(n_tests=len(sweep.points))
    return np.array(sweep.points)[rules_out(mean, margin)].tolist()


def _curve_numbers(curve: Estimate) -> Numbers:
    return {"n_pairs": curve.n, "n_programs": curve.n_programs, **curve.ends()}


def _half_of_effect(sweep: Numbers, effects: Mapping[str, Resampled]) -> Numbers | None:
    """Where the paired donor's mean effect is largest, and where it first has half of that.

    sweep     `sweep_numbers` so far
    effects   donor kind -> its curve of mean effects
    returns   maximum, at, its point; half_at, the first point with half of it of those at which the
              paired donor turns more than every control, and has a larger mean effect; half_lower,
              half_upper. None without such a point.

    The interval speaks of the first point at which the true curve has half of its maximum. Each
    draw of programs therefore judges over all points at which the effect can be there, shown or
    not: not shown to be within the margin, nor to be less than a control's. As `half_at` comes late
    where that point is not shown, the interval is drawn out to hold it.
    """
    curve, points = effects.get("paired"), sweep["points"]
    if curve is None:
        return None
    above = points_above(sweep["comparison"])
    controls = [own.value for kind, own in effects.items() if kind != "paired"]
    higher = np.all([curve.value > own for own in controls], axis=0)
    shown = [i for i, point in enumerate(points) if point in above and higher[i]]
    half = curve.value.max() / 2
    reached = [i for i in shown if curve.value[i] >= half > 0]
    if not reached:
        return None
    draws = half_reached(curve.draws, sorted({*reached, *_open_places(sweep)}))
    ends = middle(draws, method="inverted_cdf")
    peak = int(np.argmax(curve.value))
    return {
        "maximum": number(curve.value[peak]),
        "at": points[peak],
        "half_at": points[reached[0]],
        "half_lower": points[min(reached[0], int(ends.lower))],
        "half_upper": points[max(reached[0], int(ends.upper))],
    }


def _open_places(sweep: Numbers) -> list[int]:
    """Where an effect of the paired donor's own is not shown to be absent, by place."""
    absent = verdicts_of(sweep, sweep["comparison"])[Verdict.SHOWN_ABSENT]
    uppers = (sweep["effect_comparison"] or {}).get("upper", {}).values()
    return [
        place
        for place, point in enumerate(sweep["points"])
        if point not in absent and all(own[place] is None or own[place] > 0 for own in uppers)
    ]
