"""Numbers in words, and the sentences that every section shares."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fimscope.report.markdown import code
from fimscope.statistics.exact_tests import smallest_shown
from fimscope.statistics.numbers import INTERVAL, Numbers
from fimscope.statistics.significance import is_clearly_significant
from fimscope.statistics.verdicts import Verdict

FEWEST_RATED = 5  # programs of which a table tells a rate in percent, with an interval


def counted(n: int, noun: str) -> str:
    """`1 program`, `2 programs`; for nouns with a plain plural."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def with_interval(row: Numbers, form: str, scale: float = 1, unit: str = "") -> str:
    """An estimate, its unit and its interval: `12.5% (10.1 to 15.0)`.

    form    of each of the three numbers, in Python's notation; they are multiplied by `scale`

    The mean of one program has no interval; no zero has a sign.
    """
    form = form if "z" in form else form.replace(".", "z.", 1)
    if row["lower"] is None:
        return f"{format(scale * row['estimate'], form)}{unit} (one program: no interval)"
    mean, lower, upper = (format(scale * row[key], form) for key in INTERVAL)
    return f"{mean}{unit} ({lower} to {upper})"


def at(curve: Numbers, place: int) -> Numbers:
    """The estimate and the interval at one place of a curve."""
    return {key: curve[key][place] for key in INTERVAL}


def rate_at(curve: Numbers, place: int) -> Numbers:
    """As `at`, with what each rate of the curve rests on: n rows and n_programs."""
    rows = curve["n"] if "n" in curve else curve["n_pairs"]
    return {**at(curve, place), "n": rows, "n_programs": curve["n_programs"]}


def rate(numbers: Numbers) -> str:
    """A rate and its interval, in percent."""
    return with_interval(numbers, ".1f", 100, "%")


def rate_cell(numbers: Numbers | None) -> str:
    """A rate and its interval under a head that says %; nothing where there is none.

    Of fewer than FEWEST_RATED programs it is how many of how many: `1 of 1`.
    """
    if not numbers:
        return ""
    return _of_few(numbers) or with_interval(numbers, ".1f", 100)


def rate_or_count(numbers: Numbers) -> str:
    """As `rate_cell`, with its %: where no text around it says of how many the rate is."""
    return _of_few(numbers) or rate(numbers)


def _of_few(row: Numbers) -> str:
    """`1 of 1`, where a rate is of fewer than FEWEST_RATED programs; else nothing."""
    if row["n_programs"] >= FEWEST_RATED:
        return ""
    return f"{round(row['estimate'] * row['n'], 1):g} of {row['n']}"


def points_changed(numbers: Numbers) -> str:
    """A difference of rates and its interval, in percentage points."""
    return with_interval(numbers, "+z.1f", 100, " points")


def points_by_package(numbers: Numbers, packages: Numbers) -> str:
    """A difference of rates over programs, and its interval over packages."""
    return "; ".join(filter(None, (points_changed(numbers), by_package(packages))))


def between_left_out(left_out: Numbers) -> str:
    """Where a difference of rates lies without one package, of `statistics.claims.without_one`."""
    lowest, highest = (f"{100 * left_out[end]['estimate']:+.1f}" for end in ("lowest", "highest"))
    return (
        f"between {lowest} (without {code(left_out['lowest']['without'])}) and "
        f"{highest} points (without {code(left_out['highest']['without'])})"
    )


def by_package(packages: Numbers) -> str:
    """The interval over packages and its verdict; nothing of a single package."""
    if packages["left_out"] is None:
        return ""
    low, high = (f"{100 * packages[key]:+z.1f}" for key in ("lower", "upper"))
    return f"by package {low} to {high}, {packages['verdict']}"


def signed_points(row: Numbers) -> str:
    """The same where the text around it says what it is: `+3.1 (-0.4 to 6.0)`."""
    return "none" if row["estimate"] is None else with_interval(row, "+.1f", 100)


def signed_nats(row: Numbers) -> str:
    """A difference of log-probabilities and its interval, in nats."""
    return "none" if row["estimate"] is None else with_interval(row, "+.2f")


def count(group: Numbers) -> str:
    """`n = 120 (31 programs)`."""
    return f"n = {group['n']} ({counted(group['n_programs'], 'program')})"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_text(row: Numbers) -> str:
    """The adjusted p as it stands in a table."""
    if row.get("adjusted_p") is None:
        return ""
    return "< 0.001" if row["adjusted_p"] < 0.001 else f"{row['adjusted_p']:.3f}"


def spans(chosen: Sequence[int], points: Sequence[int]) -> str:
    """Chosen points as words, neighbours joined: `points 3, 7 to 12`."""
    runs: list[list[int]] = []
    place = {point: i for i, point in enumerate(points)}
    for point in chosen:
        if runs and place[point] == place[runs[-1][-1]] + 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"{'point' if len(chosen) == 1 else 'points'} {', '.join(words)}"


TO_COME = {
    Verdict.SHOWN: "show a difference",
    Verdict.SHOWN_ABSENT: "show that there is none beyond the margin",
}


def half_point(half: Numbers | None) -> str:
    """The first shown point with half of the largest effect, and its interval: `16 (15 to 16)`.

    half   `half_of_effect` of a patch sweep
    """
    return f"{half['half_at']} ({half['half_lower']} to {half['half_upper']})" if half else "none"


def say_half(half: Numbers, shown: Collection[int]) -> str:
    """As `half_point`, with why its interval holds points at which nothing is shown, if it does.

    shown   the points at which the paired donor is above every control
    """
    ends = {half["half_lower"], half["half_upper"]}
    why = "" if ends <= {*shown} else "; the interval counts undecided points too"
    return f"point {half_point(half)}{why}"


def say_needed(claims: Iterable[tuple[str, Numbers | None]]) -> str:
    """How many programs would mostly decide the first undecided claim for which that can be told.

    claims   each as it reads after `whether`, and its row, judged
    """
    for claim, row in claims:
        if row and row["programs_to_decide"]:
            return (
                f"Whether {claim} is undecided; of studies with {row['programs_to_decide']} "
                f"programs half would {TO_COME[row['verdict_to_come']]}, were the estimate the "
                "truth."
            )
    return ""


def family_power_text(tests: Sequence[Numbers]) -> str:
    """As `power_text`, of tests that were adjusted together, by those with most programs."""
    known = [test["n_programs"] for test in tests if test["p"] is not None]
    return power_text(max(known), len(known)) if known else ""


def power_text(n_programs: int, n_tests: int) -> str:
    """The least that sign tests over these programs can show; where that is nothing, see
    `say_too_small`."""
    share = smallest_shown(n_programs, n_tests) if n_programs else None
    if share is None:
        return ""
    return (
        f"A change that goes one way in {math.ceil(share * n_programs)} of the {n_programs} "
        "programs is found 4 times in 5; one in fewer of them mostly goes unseen."
    )


def say_too_small(title: str, numbers: Mapping[str, Any]) -> str:
    """That a section has tests that no data could show, as they have too few programs for their
    number.

    title     of the section
    numbers   of it; each row or curve that was tested has `least_adjusted_p` where its test cannot
              give as small a p as one likes
    """
    can_show = [is_clearly_significant(p) for p in _least_p_values(numbers)]
    n, n_lost = len(can_show), can_show.count(False)
    if not n_lost:
        return ""
    lost = f"{n_lost} of the {n} comparisons" if n_lost < n else f"all {n} comparisons"
    return (
        f"Too small for its tests: {'the one comparison' if n == 1 else lost} of “{title}” cannot "
        "show a difference, whatever the answers are, as too few programs take part. More programs "
        "could show one."
    )


def _least_p_values(value: Any) -> Iterator[float]:
    """Every `least_adjusted_p` in numbers, at any depth."""
    if isinstance(value, Mapping):
        if "least_adjusted_p" in value:
            yield value["least_adjusted_p"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _least_p_values(each)
