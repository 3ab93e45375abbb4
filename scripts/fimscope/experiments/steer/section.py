"""The steering section of the report, made from the numbers by rule."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.steer import gate_section
from fimscope.experiments.steer.labels import MANY
from fimscope.experiments.steer.readings import say_steering
from fimscope.experiments.steer.section_tables import steering_tables
from fimscope.experiments.steer.settings import MAIN, RANDOMISED
from fimscope.report.findings import Finding
from fimscope.report.format import points_changed, say_needed
from fimscope.report.sections import Section
from fimscope.statistics.numbers import Numbers

Row = Mapping[str, Any]

QUESTION = (
    "Can one vector, added at one place, turn wrong answers right without making right ones wrong?"
)
METHOD = (
    "The mean difference between the residual at the last token of an original answered right and "
    "of its variant answered wrong, over the pairs of the group `fit`, is added to that token's "
    "residual (activation addition, Turner et al. 2308.10248; difference of means, Marks & Tegmark "
    "2310.06824), at every point alone and at windows of adjacent points, in units of the "
    "residual's mean norm there. It needs no gold; the `gold type` vector (mean of right "
    "examples of that type minus the mean of all) takes the gold to be chosen and is an oracle. "
    "Points and strength are those with the greatest share of wrong examples mended minus "
    "right ones made worse on `select`, and are reported once on `test`; the three groups "
    "share no program, near-duplicate or package unless the log of `make_examples` says otherwise."
)
CONTROL = (
    "Mean differences of pairs whose sides are swapped at random by program (lending a program "
    "another's right example would leave the mean as it is), and random directions: points and "
    "strength are chosen on `select` for each of them alone, by the same rule as for the mean "
    "difference, as the best of many settings is above the usual one for a random vector too. "
    "The swapped ask whether the pairs have a direction in common, the random ones whether a "
    "direction fitted to them does more than one that was only tuned. "
    "The commonest type's vector has its own setting as well. At the points and strength of the"
    " mean difference: the flipped vector, another edit's where there is one, and the mean "
    "difference without the pairs of the example's own type, which is held against the same "
    "controls. Beside the random and the shuffled vectors: whether it changes accuracy, mended "
    "less spoiled, by more than a further draw of them would (one-sided t test of one vector "
    "beside several, Crawford & Howell 1998); against the others: whether it mends another share "
    "(exact sign tests over programs); all adjusted together (Holm)."
)
SOURCES = [
    "steering/results.parquet",
    "steering/settings.parquet",
    "steering/vectors.parquet",
    "steering/disturbance.parquet",
    "steering/types.parquet",
    "steering/gates.parquet",
]


def steering_section(numbers: Numbers, vectors: Sequence[Row], split: Sequence[Row]) -> Section:
    """The section.

    numbers  of `steering_numbers`
    vectors  rows of the steering_vectors table
    split    rows of the split table with their group: what there was to steer
    """
    fitted = [row for row in vectors if row["name"] == MAIN]
    n_pairs, n_programs = (fitted[0]["n_pairs"], fitted[0]["n_programs"]) if fitted else (0, 0)
    there = Counter((row["group"], row["outcome"]) for row in split)
    numbers = {
        **numbers,
        "n_pairs": n_pairs,
        "n_pair_programs": n_programs,
        "there": {f"{group}_{outcome}": n for (group, outcome), n in sorted(there.items())},
    }
    return Section(
        title="What steering does",
        question=QUESTION,
        findings=_findings(numbers),
        method=f"{METHOD} {gate_section.METHOD}",
        control=CONTROL,
        cites=[
            "turner2023addition",
            "marks2023geometry",
            "crawford1998comparing",
            "holm1979procedure",
        ],
        reading=say_steering(numbers),
        figures=[
            (
                "steering.svg",
                "Steering over points (select), strengths and vectors (test), with controls",
            )
        ],
        tables=steering_tables(numbers),
        sources=SOURCES,
        numbers=numbers,
        power=say_needed(
            ("the mean difference changes accuracy", row["net"])
            for row in numbers["at_setting"]
            if row["kind"] == MAIN and row["net"]
        ),
        docs="method.md#steering",
        explorer="&".join([*dict.fromkeys(f"edit={row['edit']}" for row in split), "group=test"]),
    )


def _say_drawn(numbers: Numbers) -> str:
    """How many of the wrong and of the right examples of `test` were steered, unless all were."""
    used, there = numbers["n"].get("test", {}), numbers["there"]
    counts = {
        outcome: (used.get(f"n_{outcome}", 0), there.get(f"test_{outcome}", 0))
        for outcome in ("wrong", "right")
    }
    if all(n == of for n, of in counts.values()):
        return ""
    said = (f"{n} of {of} {outcome}" for outcome, (n, of) in counts.items())
    return f" ({' and '.join(said)})"


def _findings(numbers: Numbers) -> list[Finding]:
    """What the mean difference does to accuracy, alone and beside drawn vectors, and an oracle."""
    at = {row["kind"]: row for row in numbers["at_setting"]}
    beside = numbers["comparisons"].get(MAIN, {})
    alone = {
        MAIN: "one vector, the mean difference, changes accuracy",
        "gold_type": "a vector that is told the gold changes accuracy",
    }
    net = {
        kind: Finding(
            claim,
            row["verdict"],
            f"{points_changed(row)}, n = {row['n']}{_say_drawn(numbers)}",
            "no steering",
        )
        for kind, claim in alone.items()
        if kind in at and (row := at[kind]["net"])
    }
    many = [
        Finding(
            f"the mean difference does more than {MANY[kind]}",
            row["verdict"],
            f"{100 * row['own']:+z.1f} points, theirs {100 * row['lowest']:+z.1f} to "
            f"{100 * row['highest']:+z.1f}; {row['n_as_good']} of {row['n_vectors']} do as well",
            f"{row['n_vectors']} of them, each tuned alike",
        )
        for kind in RANDOMISED
        if (row := beside.get(kind))
    ]
    gates = gate_section.gate_findings(numbers["gates"]) if numbers.get("gates") else []
    main = [net.pop(MAIN)] if MAIN in net else []
    return [*main, *many, *net.values(), *gates]
