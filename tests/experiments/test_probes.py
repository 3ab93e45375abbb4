"""Probes on features whose answer is known, and the control task."""

import numpy as np
import pytest

from fimscope.experiments.probes.fit import choose_probe, common_labels, control_labels, fit_probe
from fimscope.experiments.probes.numbers import probe_numbers
from fimscope.experiments.probes.section import probe_section
from fimscope.statistics.verdicts import Verdict


def test_a_probe_of_two_labels_is_the_logistic_regression_of_one_feature():
    """At the optimum the gradient of the penalised loss is zero: checked by finite differences."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 3))
    labels = (features[:, 0] + 0.5 * rng.standard_normal(40) > 0).astype(np.int64)
    probe = fit_probe(features, labels, 2, 0.1)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)

    def loss(weights):
        scores = standard @ weights + probe.bias
        logprobs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return -logprobs[np.arange(40), labels].mean() + 0.05 * (weights**2).sum()

    best = loss(probe.weights)
    for i in range(3):
        for j in range(2):
            for step in (-0.02, 0.02):
                moved = probe.weights.copy()
                moved[i, j] += step
                assert loss(moved) > best
    assert np.mean(probe.labels(features) == labels) > 0.75


def test_a_probe_finds_a_plain_pattern_and_none_in_noise():
    rng = np.random.default_rng(1)
    labels = np.arange(90) % 3
    signal = np.eye(3)[labels] * 4 + rng.standard_normal((90, 3))
    probe, _ = choose_probe(signal[:60], labels[:60], 3, [0.01, 1.0], signal[60:], labels[60:])
    assert np.mean(probe.labels(signal[60:]) == labels[60:]) > 0.8
    noise = rng.standard_normal((90, 3))
    probe, _ = choose_probe(noise[:60], labels[:60], 3, [0.01, 1.0], noise[60:], labels[60:])
    assert np.mean(probe.labels(noise[60:]) == labels[60:]) < 0.7


def test_without_examples_to_select_on_the_strongest_penalty_is_taken():
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((20, 2)), np.arange(20) % 2
    _, l2 = choose_probe(features, labels, 2, [0.01, 1.0, 0.1], features[:0], labels[:0])
    assert l2 == 1.0


def test_a_feature_that_never_changes_does_no_harm():
    features = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    probe = fit_probe(features, np.array([0, 0, 1, 1]), 2, 0.01)
    assert probe.labels(features).tolist() == [0, 0, 1, 1]


def test_the_control_task_gives_a_name_one_label_and_keeps_the_shares():
    names = [f"name{i}" for i in range(4000)]
    labels = [0] * 70 + [1] * 30
    drawn = control_labels(names, labels, 2, 0)
    assert (drawn == control_labels(names[::-1], labels, 2, 0)[::-1]).all()
    assert np.mean(drawn == 0) == pytest.approx(0.7, abs=0.03)
    assert (drawn != control_labels(names, labels, 2, 1)).any()


def test_labels_are_types_with_enough_examples():
    assert common_labels(["b", "a", "b", "a", "c"], [*"12345"], 2) == ["a", "b"]


def test_an_example_counts_once_for_its_label_in_however_many_variants():
    assert common_labels(["b", "b", "a", "a"], ["1", "1", "2", "3"], 2) == ["a"]


def probe_rows():
    """Six programs answered wrong: point 1's probe finds all golds, point 0's says the answer."""
    rows = []
    for program in "ABCDEF":
        gold = "number" if program in "ABC" else "string"
        for point in (0, 1):
            for task in ("gold", "control"):
                label = gold if task == "gold" else "string"
                probed = gold if point and task == "gold" else "boolean"
                rows.append(
                    {
                        "example_id": program,
                        "edit": "original",
                        "program_id": program,
                        "gold": gold,
                        "predicted": "boolean",
                        "outcome": "wrong",
                        "name_seen": program in "AB",
                        "point": point,
                        "task": task,
                        "label": label,
                        "probed": probed,
                        "correct": label == probed,
                    }
                )
    return rows


def hole(example, name, gold, kind="parameter", package=None):
    package = package or f"package {example}"
    return {
        "example_id": example,
        "package": package,
        "kind": kind,
        "name": name,
        "gold": gold,
    }


HOLES = [
    hole("A", "count", "number"),
    hole("B", "count", "number"),
    hole("C", "text", "number"),
    hole("D", "text", "string"),
    hole("E", "text", "string"),
    hole("F", "made", "string", kind="return"),
    hole("of fit", "text", "string"),
    hole("beside F", "made", "string", kind="return", package="package F"),
    *(hole(f"no label {i}", "count", "Date") for i in range(9)),
]


def test_numbers_worked_out_by_hand():
    numbers = probe_numbers(probe_rows(), HOLES, 0.03)
    assert numbers["curves"]["wrong"]["estimate"] == [0, 1]
    assert numbers["curves"]["answer"]["estimate"] == [1, 0]
    assert numbers["curves"]["seen"]["n"] == 2
    assert "right" not in numbers["curves"]
    constant, name = numbers["constant"], numbers["name"]
    assert (constant["gold"], constant["rate"]) == ("number", 0.5)
    assert constant["estimate"] == [-0.5, 0.5]
    # A, B, D and E are told by another package's hole of their name; C is told wrong; of F's kind
    # there is none in another package, and of all golds `number` comes first
    assert name["rate"] == pytest.approx(4 / 6, abs=1e-6)
    assert name["estimate"] == pytest.approx([-4 / 6, 2 / 6], abs=1e-6)
    # three programs gained or lost on the constant: p = 2/8; four lost and two gained on the names:
    # 2/16 and 2/4. Holm over all four: 4 * 2/16, then 3 * 2/8
    assert constant["adjusted_p"] == [0.75, 0.75]
    assert name["adjusted_p"] == [0.5, 0.75]
    # six programs all one way, of four tests: 4 * 2/64
    assert {own["least_adjusted_p"] for own in (constant, name)} == {0.125}
    for own in (constant, name, numbers):
        assert own["points_above"] == own["points_within"] == []


def simulated_study(seed, strength):
    """Wrong answers where a name has its own one of four types in 6 of 10 holes, else any.

    strength   of the gold's direction in the residual, which has the name's and noise else
    returns    the rows of a probe at one point, fitted on half of the packages; all holes
    """
    rng = np.random.default_rng(seed)
    types = np.array(["boolean", "number", "string", "void"])
    n = 480
    names, packages = rng.integers(8, size=n), np.arange(n) // 4
    golds = np.where(rng.random(n) < 0.6, names % 4, rng.integers(4, size=n))
    residuals = np.hstack([3 * np.eye(8)[names], strength * np.eye(4)[golds]])
    residuals += 0.5 * rng.standard_normal(residuals.shape)
    fit, select, test = (np.isin(packages % 4, groups) for groups in ([0, 1], [2], [3]))
    probe, _ = choose_probe(
        residuals[fit], golds[fit], 4, [0.01, 0.1], residuals[select], golds[select]
    )
    said = types[probe.labels(residuals[test])]
    rows = [
        {
            "example_id": str(i),
            "edit": "original",
            "program_id": str(packages[i]),
            "gold": types[golds[i]],
            "predicted": "Date",
            "outcome": "wrong",
            "name_seen": True,
            "point": 0,
            "task": "gold",
            "label": types[golds[i]],
            "probed": own,
            "correct": own == types[golds[i]],
        }
        for i, own in zip(np.flatnonzero(test), said, strict=True)
    ]
    holes = [
        hole(str(i), f"name{names[i]}", types[golds[i]], package=str(packages[i])) for i in range(n)
    ]
    return rows, holes


@pytest.mark.parametrize("seed", range(8))
def test_where_names_alone_tell_the_gold_the_claim_is_not_shown(seed):
    numbers = probe_numbers(*simulated_study(seed, strength=0), 0.03)
    assert numbers["constant"]["points_above"] == [0], "beside the constant alone it would be"
    assert numbers["points_above"] == []
    [finding] = probe_section(numbers).findings
    assert finding.verdict != Verdict.SHOWN
    assert finding.control.startswith("the commonest type of kind and name, ")


@pytest.mark.parametrize("seed", range(8))
def test_where_the_residual_holds_more_than_the_name_the_claim_is_shown(seed):
    numbers = probe_numbers(*simulated_study(seed, strength=2), 0.03)
    assert numbers["points_above"] == numbers["name"]["points_above"] == [0]
    section = probe_section(numbers)
    assert section.findings[0].verdict == Verdict.SHOWN
    assert "shown at point 0" in section.findings[0].number


def test_what_is_shown_beside_one_control_alone_is_not_claimed():
    """Names tell nothing here: the constant is the stronger one, and says what the probe says."""
    rows = [
        {**row, "label": "string", "gold": "string", "probed": "string", "correct": True}
        for row in simulated_study(0, strength=0)[0]
    ]
    golds = ("number", "string")
    holes = [hole(row["example_id"], row["example_id"], "string", package="one") for row in rows]
    holes += [hole(f"elsewhere {gold}", "x", gold, package="other") for gold in golds]
    numbers = probe_numbers(
        [*rows, {**rows[0], "outcome": "right", "label": "number"}], holes, 0.03
    )
    assert numbers["name"]["points_above"] == [0]
    assert numbers["constant"]["points_above"] == numbers["points_above"] == []
    section = probe_section(numbers)
    assert section.findings[0].control == "the best constant answer (`string`), 100.0%"
    assert section.findings[0].verdict == Verdict.UNDECIDED
    assert "the best constant answer (`string`), 100.0%, the probe is " in section.reading[0]
    assert section.reading[1].startswith("Against the commonest type of kind and name, 0.0%, ")


def test_a_section_where_there_is_nothing():
    section = probe_section(probe_numbers([], [], 0.03))
    assert section.reading == [
        "No probe was fitted: fewer than two types have enough examples in `fit`."
    ]
    assert section.tables == []
