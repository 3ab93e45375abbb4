"""Probes on features whose answer is known, and the control task."""

import numpy as np
import pytest

from fimscope.experiments.probes.fit import choose_probe, common_labels, control_labels, fit_probe
from fimscope.experiments.probes.numbers import probe_numbers
from fimscope.experiments.probes.section import probe_section


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


def test_numbers_worked_out_by_hand():
    numbers = probe_numbers(probe_rows(), 0.03)
    assert numbers["curves"]["wrong"]["estimate"] == [0, 1]
    assert numbers["curves"]["answer"]["estimate"] == [1, 0]
    assert numbers["curves"]["seen"]["n"] == 2
    assert "right" not in numbers["curves"]
    constant = numbers["constant"]
    assert (constant["gold"], constant["rate"]) == ("number", 0.5)
    # three programs of three gained by point 1, three of three lost by point 0: p = 2/8 each
    assert constant["adjusted_p"] == [0.5, 0.5]
    assert constant["points_above"] == constant["points_within"] == []
    assert constant["estimate"] == [-0.5, 0.5]


def test_a_section_where_there_is_nothing():
    section = probe_section(probe_numbers([], 0.03))
    assert section.reading == [
        "No probe was fitted: fewer than two types have enough examples in `fit`."
    ]
    assert section.tables == []
