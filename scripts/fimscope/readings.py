"""Plain sentences on every figure, made from its numbers by rule, also where nothing is found."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fimscope.markdown import code
from fimscope.stats import smallest_shown
from fimscope.summary import Numbers

FEW_PROGRAMS = 20  # below it, percentile intervals are known to be too narrow
CHECKED = ("holes", "variants", "verified", "answered")  # stages that may lose a hole


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


def read_funnel(funnels: Mapping[str, Sequence[Numbers]]) -> list[str]:
    """How much of the source reaches an answer, where most is lost, whether anything breaks."""
    sentences = []
    for edit, stages in funnels.items():
        n = {stage["stage"]: stage["n_rows"] for stage in stages}
        holes, answered = n.get("holes", 0), n.get("answered", 0)
        if not answered:
            sentences.append(f"Under {code(edit)} no hole is answered, so nothing can be measured.")
            continue
        sentence = f"Under {code(edit)} {answered} of {holes} holes are answered"
        names = [s["stage"] for s in stages if s["stage"] in CHECKED]
        losses = [(n[before] - n[after], before, after) for before, after in pairwise(names)]
        lost, before, after = max(losses, default=(0, "", ""), key=lambda loss: loss[0])
        if lost > 0:
            sentence += f"; most are lost from {before} to {after} ({lost})"
        sentences.append(sentence + ".")
        if edit != "original" and not n.get("broken"):
            sentences.append(f"{code(edit)} breaks no answer: there is nothing to restore.")
    return sentences or ["No edit was counted."]


def read_accuracy(edits: Sequence[Numbers], changes: Sequence[Numbers]) -> list[str]:
    """Whether the model beats the baseline, and whether each edit changes its answers."""
    known = [row for row in edits if row["n"]]
    if not known:
        return ["No example was answered, so there is no accuracy to read."]
    first = next((row for row in known if row["edit"] == "original"), known[0])
    right, baseline = first["right"], first["baseline"]
    if right["lower"] > baseline["rate"]:
        verdict = "the model is above that baseline"
    elif right["upper"] < baseline["rate"]:
        verdict = "the model is below that baseline"
    else:
        verdict = "the interval holds that baseline, so no skill beyond it is shown"
    sentences = [
        f"Under {code(first['edit'])} the model answers {first['n_right']} of {first['n']} holes "
        f"right, {rate(right)}, and has the gold in its top 10 for {rate(first['top10'])}.",
        f"Always answering {code(baseline['gold'])} would give {percent(baseline['rate'])}: "
        f"{verdict}.",
    ]
    sentences += [_read_change(row) for row in changes]
    if changes:
        sentences += read_power(min(row["n_programs"] for row in changes), len(changes))
    return sentences + few_programs(min(row["n_programs"] for row in known))


def read_wrong_answers(edits: Sequence[Numbers]) -> list[str]:
    """What the commonest mistake is, and whether the gold was near."""
    sentences = []
    for row in edits:
        n_wrong = row["n_wrong"]
        if not n_wrong:
            verdict = "no answer is wrong" if row["n"] else "there is no answer"
            sentences.append(f"Under {code(row['edit'])} {verdict}.")
            continue
        top = row["commonest"][0]
        if top["n"] == 1 and n_wrong > 1:
            common = "no mistake is made twice"
        else:
            common = (
                f"the commonest mistake is {code(top['predicted'])} for {code(top['gold'])} "
                f"({top['n']}, {percent(top['n'] / n_wrong)})"
            )
        near = row["n_wrong_top10"] / n_wrong
        place = "mostly near" if near > 0.5 else "mostly not near"
        sentences.append(
            f"Under {code(row['edit'])} {n_wrong} of {row['n']} answers are wrong; {common}. "
            f"The right type is {place}: it is in the top 10 for {percent(near)} of them."
        )
    return sentences


def _read_change(row: Numbers) -> str:
    difference = row["difference"]
    sure = row["adjusted_p"] < 0.05
    if sure and difference["upper"] < 0:
        verdict = "the edit makes the model worse"
    elif sure and difference["lower"] > 0:
        verdict = "the edit makes the model better"
    elif sure or difference["upper"] < 0 or difference["lower"] > 0:
        verdict = "the test and the interval disagree, so no change is shown"
    else:
        verdict = "no change is shown"
    return (
        f"{code(row['edit'])} breaks {row['n_broken']} of {row['n_right_before']} right answers "
        f"and mends {row['n_mended']}: {points_changed(difference)}, McNemar "
        f"{p_value(row['adjusted_p'])}; {verdict}."
    )


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
