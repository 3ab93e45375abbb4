"""What the steering section says of steering only where an error is expected, by rule."""

from fimscope.experiments.steer.gates import CONSTANT, ORACLE
from fimscope.report.findings import Finding
from fimscope.report.format import p_text, points_changed, rate, rate_cell, signed_points
from fimscope.report.sections import SectionTable
from fimscope.statistics.numbers import Numbers

METHOD = (
    "A gate steers only where it expects an error: where the margin of the model's own first token "
    "over the second is small, or where a probe of right and wrong, fitted on `fit` at the point "
    "that is best on `select`, says wrong. Threshold and strength are those with the greatest net "
    "on `select`; one operating point is reported on `test`, beside no steering, the constant "
    "vector, as many steered at random, and an oracle that knows what is wrong (sign tests over "
    "programs, Holm over both gates)."
)
NAMES = {
    CONSTANT: "always",
    "margin": "where the model's margin is small",
    "probe": "where a probe expects an error",
    ORACLE: "where it is wrong (oracle)",
}
RIVALS = {"none": "no steering", CONSTANT: "the constant vector", "by_chance": "as many at random"}


def gate_findings(numbers: Numbers) -> list[Finding]:
    """Whether a gate changes accuracy."""
    return [
        Finding(
            f"steering only {NAMES[gate]} changes accuracy",
            tests["none"]["verdict"],
            points_changed(tests["none"]),
            "no steering",
        )
        for gate, tests in numbers["beside"].items()
    ]


def say_gates(numbers: Numbers) -> list[str]:
    """Of each gate what it mends, spoils and changes, and the verdicts beside its rivals."""
    rows = {row["gate"]: row for row in numbers["rows"]}
    return [
        *(_say_gate(gate, rows[gate], tests) for gate, tests in numbers["beside"].items()),
        f"The oracle, which steers what is wrong at strength {rows[ORACLE]['strength']:g}, changes "
        f"accuracy by {points_changed(rows[ORACLE]['net'])}: more a gate of this vector cannot do "
        "at that strength.",
    ]


def _say_gate(gate: str, row: Numbers, tests: Numbers) -> str:
    beside = "; ".join(
        f"beside {RIVALS[rival]} {points_changed(test)}, {test['verdict']}"
        for rival, test in tests.items()
    )
    if row["threshold"] is None:
        return f"Steered {NAMES[gate]}: on `select` it is best to steer none."
    mended, spoilt = (rate(row[key]) if row[key] else "none there" for key in ("mended", "spoilt"))
    return (
        f"Steered {NAMES[gate]}, {rate(row['steered'])} of the test examples, strength "
        f"{row['strength']:g}: {mended} of the wrong are mended, {spoilt} of the right spoiled; "
        f"accuracy {beside}."
    )


def gate_tables(numbers: Numbers) -> list[SectionTable]:
    rows = []
    for row in numbers["rows"]:
        tests = numbers["beside"].get(row["gate"], {})
        rows.append(
            [
                NAMES[row["gate"]],
                f"{row['strength']:g}",
                rate_cell(row["steered"]),
                rate_cell(row["mended"]),
                rate_cell(row["spoilt"]),
                signed_points(row["net"]),
                f"{row['area']:.2f}" if "area" in row else "",
                *(
                    f"{signed_points(tests[rival])}; {p_text(tests[rival])}; "
                    f"{tests[rival]['verdict']}"
                    if tests
                    else ""
                    for rival in RIVALS
                ),
            ]
        )
    return [
        SectionTable(
            "Steered only where an error is expected, on `test`: % steered, % of the wrong mended "
            "and of the right spoiled; change of accuracy in points; area under the gate's curve; "
            "the change beside each rival, with p of the sign test (Holm)",
            [
                "steered",
                "strength",
                "steered %",
                "mended %",
                "spoiled %",
                "net",
                "area",
                *(f"beside {name}" for name in RIVALS.values()),
            ],
            rows,
        )
    ]
