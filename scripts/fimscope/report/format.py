"""Plain sentences on every figure, made from its numbers by rule, also where nothing is found."""

from collections.abc import Sequence

from fimscope.statistics.exact_tests import smallest_shown
from fimscope.statistics.numbers import Numbers

FEW_PROGRAMS = 20  # below it, percentile intervals are known to be too narrow


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def rate(numbers: Numbers) -> str:
    """A rate and its interval, in percent."""
    lower, upper = 100 * numbers["lower"], 100 * numbers["upper"]
    return f"{percent(numbers['estimate'])} ({lower:.1f} to {upper:.1f})"


def rate_cell(numbers: Numbers | None) -> str:
    """A rate and its interval under a head that says %; nothing where there is none."""
    return rate(numbers).replace("%", "", 1) if numbers else ""


def points_changed(numbers: Numbers) -> str:
    """A difference of rates and its interval, in percentage points."""
    lower, upper = 100 * numbers["lower"], 100 * numbers["upper"]
    return f"{100 * numbers['estimate']:+z.1f} points ({lower:+z.1f} to {upper:+z.1f})"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def few_programs(n_programs: int) -> list[str]:
    if not 0 < n_programs < FEW_PROGRAMS:
        return []
    return [f"With only {n_programs} programs the intervals are narrower than they should be."]


def read_family_power(tests: Sequence[Numbers]) -> list[str]:
    """As `read_power`, of tests that were adjusted together, by those with most programs."""
    known = [test["n_programs"] for test in tests if test["p"] is not None]
    return read_power(max(known), len(known)) if known else []


def read_power(n_programs: int, n_tests: int) -> list[str]:
    """The least that sign tests over these programs can show."""
    share = smallest_shown(n_programs, n_tests) if n_programs else None
    tests = f"{n_tests} test{'s' * (n_tests != 1)}"
    if share is None:
        return [f"With {n_programs} programs and {tests} no change could be shown."]
    return [
        f"With {n_programs} programs and {tests}, a change in {percent(share)} of the programs, "
        "all one way, is shown 4 times in 5; a smaller one mostly goes unseen."
    ]


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


def signed_points(row: Numbers) -> str:
    """A difference of rates and its interval, in percentage points: `+3.1 (-0.4 to 6.0)`."""
    if row["estimate"] is None:
        return "none"
    mean, lower, upper = (100 * row[key] for key in ("estimate", "lower", "upper"))
    return f"{mean:+.1f} ({lower:+.1f} to {upper:+.1f})"


def signed_nats(row: Numbers) -> str:
    """A difference of log-probabilities and its interval, in nats."""
    if row["estimate"] is None:
        return "none"
    return f"{row['estimate']:+.2f} ({row['lower']:+.2f} to {row['upper']:+.2f})"


def p_text(row: Numbers) -> str:
    """The adjusted p as it stands in a table."""
    if row.get("adjusted_p") is None:
        return ""
    return "< 0.001" if row["adjusted_p"] < 0.001 else f"{row['adjusted_p']:.3f}"
