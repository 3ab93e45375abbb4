"""Plain sentences on patch sweeps, made from their numbers by rule, also where nothing is found."""

from collections.abc import Sequence

from fimscope.experiments.patch.numbers import points_above
from fimscope.report.format import few_programs, rate, read_power, spans
from fimscope.report.markdown import code
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import is_significant

SELF_ROUNDING = 0.001  # what `self`, which must change nothing, may show
SELF_LIMIT = 0.05  # above it the sweep is broken
TO_DONOR = ("break", "other_type", "wrong_to_wrong")  # of every other condition: to the gold


def target_name(condition: str) -> str:
    """What the prediction becomes where a patch of the condition succeeds."""
    return "donor's answer" if condition in TO_DONOR else "gold"


def read_sweep(sweep: Numbers) -> list[str]:
    """Where the paired donor does more than its controls, or that it does nowhere."""
    name, target = code(sweep["condition"]), target_name(sweep["condition"])
    if not sweep["n_pairs"]:
        return [f"{name}: no pair was found, so it shows nothing."]
    comparison, half = sweep["comparison"], sweep["half_of_flips"]
    above = points_above(comparison)
    if comparison is None:
        sentence = f"{name}: no pair has all its controls, so no effect can be shown."
    elif not above:
        sentence = (
            f"{name}: at no point does the paired donor turn more recipients to the {target} than "
            "all its controls do; no effect is shown."
        )
    else:
        sentence = (
            f"{name}: the paired donor turns more recipients to the {target} than every control "
            f"does at {spans(above, sweep['points'])}"
        )
        sentence += (
            f"; half of its maximum is reached at point {half_point(half)}." if half else "."
        )
    if comparison is None:
        return [sentence]
    n_programs = comparison["n_programs"]
    n_tests = len(comparison["difference"]) * len(sweep["points"])
    return [sentence, *read_power(n_programs, n_tests), *few_programs(n_programs)]


def half_point(half: Numbers) -> str:
    """The point of half maximum and its interval."""
    return f"{half['half_at']} ({half['half_lower']} to {half['half_upper']})"


def read_exactness(sweeps: Sequence[Numbers]) -> list[str]:
    """What `self`, which must change nothing, changes at most, where that is not nothing."""
    largest = max((sweep["largest_self_effect"] or 0 for sweep in sweeps), default=0)
    if largest <= SELF_ROUNDING:
        return []
    verdict = (
        "do not trust these sweeps" if largest > SELF_LIMIT else "the sweeps are exact to that only"
    )
    return [
        f"Patching a recipient with itself changes it by up to {largest:.3f} of the way to its "
        f"donor, where it must change nothing: {verdict}."
    ]


def read_conditions(found: Numbers | None) -> list[str]:
    """Whether the two conditions of `compare_conditions` act at the same points."""
    if found is None:
        return []
    one, other = code(found["one"]), code(found["other"])
    (first, second), shift = found["half_at"], found["half_difference"]
    differs = [
        point
        for point, p in zip(found["points"], found["adjusted_p"], strict=True)
        if is_significant(p)
    ]
    moved = shift["lower"] > 0 or shift["upper"] < 0
    sentence = (
        f"On the {found['n_pairs']} recipients of {found['n_programs']} programs that both have, "
        f"{one} reaches half of its maximum at point {_whole(first)} and {other} at point "
        f"{_whole(second)}, {shift['estimate']:+d} points on ({shift['lower']:+d} to "
        f"{shift['upper']:+d}); the shares that turn "
    )
    largest = max(range(len(found["points"])), key=lambda i: abs(found["difference"][i]))
    ends = (
        ", ".join(f"{100 * found[key][largest]:+z.1f}" for key in ("difference", "lower", "upper"))
        .replace(", ", " (", 1)
        .replace(", ", " to ", 1)
    )
    gap = f"at most {ends}) percentage points apart, at point {found['points'][largest]}"
    if differs:
        sentence += f"differ at {spans(differs, found['points'])} (sign test, Holm), {gap}: "
    else:
        sentence += f"differ at no point (sign test, Holm), {gap}: "
    if differs or moved:
        return [sentence + "the two are not carried alike."]
    return [
        sentence + "no difference is shown, as one mechanism with other content would have it; "
        "the interval says how large a difference the data leave open."
    ]


def _whole(value: Numbers) -> str:
    return f"{value['estimate']} ({value['lower']} to {value['upper']})"


def most_turned(sweep: Numbers, kind: str) -> str:
    """The most recipients that one kind of donor turns to the target, and at which point."""
    curve = sweep["flips"].get(kind)
    if curve is None:
        return "none"
    best = max(range(len(curve["estimate"])), key=lambda i: curve["estimate"][i])
    if curve["estimate"][best] == 0:
        return "never"
    ends = {key: curve[key][best] for key in ("estimate", "lower", "upper")}
    return f"{rate(ends)} at {sweep['points'][best]}"


def effect_at(curve: Numbers | None, place: int) -> str:
    """A mean effect and its interval."""
    if curve is None:
        return "none"
    estimate, lower, upper = (curve[key][place] for key in ("estimate", "lower", "upper"))
    return f"{estimate:z.3f} ({lower:z.3f} to {upper:z.3f})"
