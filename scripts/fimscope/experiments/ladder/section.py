"""The ladder as a page in Markdown: what it shows, its tables, what it cannot say."""

from collections.abc import Sequence

from fimscope.experiments.ladder.numbers import DEPTH_MARGIN
from fimscope.report.findings import Finding, finding_lines
from fimscope.report.format import (
    counted,
    p_text,
    points_changed,
    rate_or_count,
    signed_points,
    with_interval,
)
from fimscope.report.markdown import code, table
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

NAMES = {
    "right": "right before the edit",
    "change": "change by the edit",
    "broken": "broken, of the right ones",
    "arrival": "arrival, share of the depth",
}
LIMITS = f"""\
Intervals hold 95% and are over programs: they speak of these trained models on new programs of
these packages. One model a size says nothing about trainings of that size: a difference of two
rungs is one of two models, which another seed may turn. Only several seeds of one size tell how far
trainings differ, and few of them only roughly. Width, heads and depth grow together, the number of
steps does not: no difference is due to one of them. A rung is patched in the answers that the edit
breaks in it, which are other holes for each rung, and where these are few a point is shown to be
above the controls later. An arrival is known to a block; arrivals that differ by less than
{100 * DEPTH_MARGIN:g}% of the depth count as one.
"""


def _depth(row: Numbers) -> str:
    return with_interval(row, ".0f", 100, "%")


def _signed_depth(row: Numbers) -> str:
    return with_interval(row, "+.0f", 100, "%")


# How a difference from the first rung is written.
CELLS = {
    **dict.fromkeys(("right", "change", "broken"), points_changed),
    "arrival": _signed_depth,
}
# Of each other rung: the measure, what is claimed of it, what its number is held against.
CLAIMS = (
    ("right", "{name} is right at another rate than {first}", "the same holes"),
    ("change", "{edit} changes {name} by more or less than {first}", "the same holes"),
    (
        "broken",
        "{edit} breaks more or fewer of the right answers of {name} than of {first}",
        "the holes that both have right",
    ),
    (
        "arrival",
        "in {name} the type arrives at another share of the depth than in {first}",
        "the broken answers of each",
    ),
)


def ladder_text(numbers: Numbers, edit: str) -> str:
    """The page.

    numbers   of `ladder_numbers`
    """
    rungs, beside = numbers["rungs"], numbers["against_first"]
    lines = ["# One recipe, several sizes and seeds", ""]
    lines += [
        f"Asked {counted(numbers['n'], 'hole')} of {counted(numbers['n_programs'], 'program')}, "
        f"the same of every model; the edit is {code(edit)}.",
        "",
        *finding_lines(ladder_findings(numbers, edit)),
        "",
        "## Each model",
        "",
        *_rung_table(rungs, edit),
        "Arrival: the first point at which `restore`, the original's last token put into the "
        "broken variant, has half of its largest effect, of the points above every control; 0% of "
        "the depth is what enters the first block, 100% what leaves the last.",
        "",
        f"## Beside {code(rungs[0]['name'])}",
        "",
        *_beside_table(beside),
        *_training_lines(numbers["trainings"]),
        "## What this can and cannot say",
        "",
        LIMITS.rstrip(),
        "",
    ]
    return "\n".join(lines)


def ladder_findings(numbers: Numbers, edit: str) -> list[Finding]:
    """Of each other rung, beside the first, each of CLAIMS."""
    first = code(numbers["rungs"][0]["name"])
    return [
        Finding(claim.format(name=code(row["name"]), first=first, edit=code(edit)), *of_it, against)
        for row in numbers["against_first"]
        for measure, claim, against in CLAIMS
        if row[measure]
        for of_it in [(row[measure]["verdict"], CELLS[measure](row[measure]))]
    ]


def _rung_table(rungs: Sequence[Numbers], edit: str) -> list[str]:
    header = ["model", "parameters", "blocks, width, heads", "right", f"change by {code(edit)}"]
    header += [
        "p",
        "verdict",
        "broken, of the right",
        "mended",
        "pairs",
        "`restore` arrives at",
        "of the depth",
    ]
    rows = [
        [
            code(row["name"]),
            f"{row['n_parameters'] / 1e6:.2f} M" if row["n_parameters"] else "not counted",
            f"{row['n_blocks']}, {row['d_model']}, {row['n_heads']}",
            rate_or_count(row["right"]),
            signed_points(row["change"]),
            p_text(row["change"]),
            row["change"]["verdict"],
            f"{rate_or_count(row['broken'])}, n = {row['n_broken']}"
            if row["broken"]
            else "none was right",
            str(row["n_mended"]),
            str(row["n_pairs"]),
            with_interval(row["half_at"], "d") if row["half_at"] else "nowhere shown",
            _depth(row["arrival"]) if row["arrival"] else "",
        ]
        for row in rungs
    ]
    return table(header, rows)


def _beside_table(beside: Sequence[Numbers]) -> list[str]:
    rows = [
        [
            code(row["name"]),
            NAMES[measure],
            CELLS[measure](row[measure]),
            p_text(row[measure]),
            row[measure]["verdict"],
        ]
        for row in beside
        for measure in NAMES
        if row[measure]
    ]
    return table(["model", "measure", "its own minus that", "p", "verdict"], rows, n_left=2)


def _training_lines(trainings: Numbers | None) -> list[str]:
    """What several trainings of the first model's size say."""
    lines = ["## Trainings of one size", ""]
    if trainings is None:
        return [*lines, "One training of every size: how far trainings differ is not known.", ""]
    names = ", ".join(map(code, trainings["names"]))
    lines += [f"{names} differ in their seed alone.", ""]
    rows = [
        [
            NAMES[measure],
            f"{100 * own['mean']:.1f}%",
            f"{100 * own['standard_deviation']:.1f}",
            f"{100 * own['lower']:.1f} to {100 * own['upper']:.1f}%",
            _outside(own["others"], Verdict.SHOWN),
            _outside(own["others"], Verdict.UNDECIDED),
        ]
        for measure, own in trainings["measures"].items()
    ]
    header = ["measure", "mean", "standard deviation, points", "one more training: 95% within"]
    header += ["other sizes outside", "not outside"]
    return [*lines, *table(header, rows)]


def _outside(others: Sequence[Numbers], verdict: Verdict) -> str:
    found = [f"{code(o['name'])} {100 * o['estimate']:.1f}%" for o in others]
    kept = [text for text, o in zip(found, others, strict=True) if o["verdict"] == verdict]
    return ", ".join(kept) or "none"
