"""Gates of steering: chosen by hand, on scores that tell all and nothing, and a probe's plant."""

import numpy as np
import pytest

from fimscope.experiments.steer.gate_section import gate_tables, say_gates
from fimscope.experiments.steer.gates import area_under_curve, choose_gate, gate_numbers
from fit_gates import fit_error_probe, gate_rows, margin_scores

STRENGTHS = (0.5, 1.0)
SETTING = {"points": [3], "strength": 0.5}
N = 48  # examples of a group: the first half is wrong


def results(n: int = N) -> list[dict]:
    """At strength 0.5 steering mends a quarter of the wrong and spoils a quarter of the right; at 1
    it mends and spoils all."""
    return [
        {
            "example_id": f"{group}{i:02d}",
            "program_id": f"{group} program {i}",
            "group": group,
            "kind": "mean_difference",
            "points": [3],
            "strength": strength,
            "outcome": "wrong" if i < n // 2 else "right",
            "to_gold": (i < n // 2) == (strength == 1 or i % 4 == 0),
        }
        for group in ("select", "test")
        for i in range(n)
        for strength in STRENGTHS
    ]


def gates(score_of, n: int = N) -> list[dict]:
    return [
        {"example_id": f"{group}{i:02d}", "gate": "probe", "score": score_of(group, i)}
        for group in ("select", "test")
        for i in range(n)
    ]


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 8, 40).astype(float)  # with ties
    changes = {s: rng.integers(-1, 2, 40).astype(float) for s in (1.0, 2.0, 4.0)}
    nets = {
        (s, t): own[scores >= t].sum()
        for s, own in changes.items()
        for t in [*sorted(set(scores)), np.inf]
    }
    chosen = choose_gate(scores, changes)
    assert nets[chosen] == max(nets.values())
    fewest = min((scores >= t).sum() for (s, t), net in nets.items() if net == nets[chosen])
    assert (scores >= chosen[1]).sum() == fewest
    assert choose_gate(scores, {1.0: -np.ones(40)}) == (1.0, np.inf)


def test_the_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(1)
    scores, wrong = rng.integers(0, 5, 30).astype(float), rng.random(30) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[wrong] for b in scores[~wrong]]
    assert area_under_curve(scores, wrong) == pytest.approx(np.mean(pairs))
    assert area_under_curve(scores, np.zeros(30, dtype=bool)) == 0.5


def test_a_gate_that_knows_is_the_oracle():
    numbers = gate_numbers(results(), gates(lambda _, i: float(i < N // 2)), SETTING, 0.03)
    rows = {row["gate"]: row for row in numbers["rows"]}
    assert list(rows) == ["constant", "probe", "oracle"]
    assert rows["constant"]["net"]["estimate"] == 0
    assert rows["constant"]["mended"]["estimate"] == rows["constant"]["spoilt"]["estimate"] == 0.25
    for name in ("probe", "oracle"):
        assert (rows[name]["strength"], rows[name]["steered"]["estimate"]) == (1, 0.5)
        assert (rows[name]["mended"]["estimate"], rows[name]["spoilt"]["estimate"]) == (1, 0)
        assert rows[name]["net"]["estimate"] == 0.5
    assert rows["probe"]["area"] == 1
    tests = numbers["beside"]["probe"]
    assert tests["by_chance"]["estimate"] == pytest.approx(0.5)
    assert [test["verdict"] for test in tests.values()] == ["shown"] * 3
    [said, oracle] = say_gates(numbers)
    assert "where a probe expects an error, 50.0%" in said and "+50.0 points" in oracle
    assert gate_tables(numbers)[0].rows[0][0] == "always"


def test_a_gate_that_knows_nothing_is_shown_nothing():
    rng = np.random.default_rng(2)
    drawn = {(group, i): rng.random() for group in ("select", "test") for i in range(N)}
    numbers = gate_numbers(results(), gates(lambda *key: drawn[key]), SETTING, 0.03)
    tests = numbers["beside"]["probe"]
    assert "shown" not in [test["verdict"] for test in tests.values()]


def test_a_gate_that_is_best_shut_steers_none():
    numbers = gate_numbers(results(), gates(lambda _, i: float(i >= N // 2)), SETTING, 0.03)
    [_, row, _] = numbers["rows"]
    # Right ones come first: whatever is steered spoils more than it mends, or as much.
    assert row["threshold"] is None and row["steered"]["estimate"] == 0
    assert "best to steer none" in say_gates(numbers)[0]


def test_without_steered_examples_there_is_no_gate():
    assert gate_numbers([], [], SETTING, 0.03) is None
    assert gate_numbers(results(), [], None, 0.03) is None
    assert gate_numbers(results(), [], SETTING, 0.03)["beside"] == {}


def test_the_probe_reads_the_point_at_which_errors_show():
    rng = np.random.default_rng(3)
    wrong = tuple(np.arange(n) % 2 == 0 for n in (80, 40))
    scored = np.arange(30) % 3 == 0

    def values(labels, shows):
        noise = rng.standard_normal((len(labels), 6))
        noise[:, 0] += 6 * labels * shows
        return noise

    residuals = [tuple(values(own, point == 2) for own in (*wrong, scored)) for point in range(4)]
    probe = fit_error_probe(residuals, wrong, [0.01, 1.0])
    assert probe.point == 2 and probe.area > 0.99
    assert area_under_curve(probe.scores, scored) > 0.99
    predictions = [
        {
            "example_id": f"e{i}",
            "edit": "rename_vars",
            "program_id": "p",
            "correct": not error,
            "top10": [{"logprob": -0.1 * i}, {"logprob": -3.0}],
        }
        for i, error in enumerate(scored)
    ]
    rows = gate_rows(predictions, {f"e{i}": "test" for i in range(30)}, probe)
    assert [row["gate"] for row in rows] == ["margin"] * 30 + ["probe"] * 30
    assert margin_scores(predictions)[:2].tolist() == pytest.approx([-3.0, -2.9])
    assert {row["point"] for row in rows if row["gate"] == "probe"} == {2}
    assert [row["outcome"] for row in rows[:2]] == ["wrong", "right"]
