"""Steering of a model that is linear in what is added: what is claimed where the truth is known."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import t

from fimscope.experiments.steer.doses import doses_on_select, doses_on_test
from fimscope.experiments.steer.numbers import steering_numbers
from fimscope.experiments.steer.settings import chosen_settings, score_settings
from fimscope.experiments.steer.vectors import Vector, VectorSet, random_vectors, shuffled_vectors
from fimscope.statistics.one_of_many import least_shown, one_of_many
from fimscope.statistics.significance import is_clearly_significant
from fimscope.statistics.verdicts import Verdict

N_POINTS, D_MODEL, N_VECTORS = 4, 48, 5
STRENGTHS = [0.5, 1.5]
MARGIN = 0.03
N_STUDIES = 60
MOST_FALSE = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_STUDIES)  # 5%, and what chance adds
MOST_UNEVEN = 3 * np.sqrt(1 / 12 / N_STUDIES)  # of a mean of as many even p-values


class Study:
    """Examples of `select` and `test` whose answer turns where a dose lies along their direction.

    planted  the share of the vector that is the direction which the examples have in common
    """

    def __init__(self, seed: int, planted: float, n: int = 40):
        self.rng = np.random.default_rng(seed)
        self.common = self._directions(N_POINTS)
        vector = (1 - planted) * self._directions(N_POINTS) + planted * self.common
        differences = self._directions(30 * N_POINTS).reshape(30, N_POINTS, D_MODEL)
        programs = [str(i // 2) for i in range(30)]
        vectors = [
            Vector("mean_difference", "mean_difference", None, vector.astype(np.float32), 30, 15),
            *random_vectors((N_POINTS, D_MODEL), N_VECTORS, seed),
            *shuffled_vectors(differences.astype(np.float32), programs, N_VECTORS, seed),
        ]
        self.vectors = VectorSet(vectors, np.ones(N_POINTS, dtype=np.float32))
        self.examples = {
            (group, f"{group}{i}"): (
                self.common + self._directions(N_POINTS),
                self.rng.exponential() * (1 if i % 2 else -1),
            )
            for group in ("select", "test")
            for i in range(2 * n)
        }

    def _directions(self, n):
        drawn = self.rng.standard_normal((n, D_MODEL))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def results(self, group, doses_of, points):
        """Rows of the steering_results table, of each point alone."""
        scaled = {}
        for (own, name), (direction, margin) in self.examples.items():
            if own != group:
                continue
            row = {
                "example_id": name,
                "program_id": str(int(name.removeprefix(group)) // 4),
                "gold": "string",
                "group": group,
                "outcome": "right" if margin > 0 else "wrong",
                "broken": margin < 0,
                "unsteered_logit_diff": margin,
            }
            yield self._row(row, "none", "none", 0.0, [], margin)
            for dose in doses_of(name):
                key = dose.vector, dose.strength
                if key not in scaled:
                    scaled[key] = self.vectors.scaled(*key)
                for point in points:
                    after = margin + 2 * float(scaled[key][point] @ direction[point])
                    yield self._row(row, dose.kind, dose.vector, dose.strength, [point], after)

    def _row(self, row, kind, vector, strength, points, after):
        own = {"kind": kind, "vector": vector, "strength": strength, "points": points}
        said = "string" if after > 0 else "T"
        return {**row, **own, "to_gold": after > 0, "predicted": said, "logit_diff": after}

    def numbers(self, each_its_own=True):
        """Of the section; if not `each_its_own`, random vectors are added where the vector is."""
        select = list(
            self.results(
                "select",
                lambda _: doses_on_select(self.vectors, "string", STRENGTHS),
                range(N_POINTS),
            )
        )
        scored = score_settings(select)
        if not each_its_own:
            [main] = [row for row in scored if row["kind"] == "mean_difference" and row["chosen"]]
            for row in scored:
                row["chosen"] = all(row[key] == main[key] for key in ("points", "strength"))
        rows = list(select)
        for n, setting in enumerate(chosen_settings(scored).values()):
            found = self.results(
                "test",
                lambda _, s=setting: doses_on_test(self.vectors, "string", s, [s.strength]),
                setting.points,
            )
            rows += [row for row in found if n == 0 or row["kind"] != "none"]
        return steering_numbers(rows, scored, [], [], MARGIN)


@cache
def claims(planted, each_its_own=True):
    """[study]: the p beside random vectors, beside shuffled ones, and whether more is claimed.

    Beside these it is the net change of accuracy, beside the others what is mended.
    """
    found = []
    for seed in range(N_STUDIES):
        numbers = Study(seed, planted).numbers(each_its_own=each_its_own)
        rows = numbers["comparisons"]["mean_difference"]
        shown = [row["verdict"] == Verdict.SHOWN and row["estimate"] > 0 for row in rows.values()]
        found.append((rows["random"]["p"], rows["shuffled"]["p"], any(shown)))
    return tuple(np.array(column) for column in zip(*found, strict=True))


def test_a_random_vector_is_seldom_called_better_than_random():
    beside_random, beside_shuffled, shown = claims(0.0)
    for called in (beside_random <= 0.05, beside_shuffled <= 0.05, shown):
        assert called.mean() <= MOST_FALSE


def test_it_is_as_often_below_the_others_as_above():
    for p in claims(0.0)[:2]:
        assert abs(p.mean() - 0.5) < MOST_UNEVEN


def test_at_the_setting_of_the_vector_it_would_not_be():
    """That the test above can fail: a setting chosen for one vector favours it."""
    for p in claims(0.0, each_its_own=False)[:2]:
        assert p.mean() < 0.5 - 2 * MOST_UNEVEN


def test_a_planted_direction_is_found():
    assert claims(1.0)[2].mean() > 0.6


def test_a_shown_net_change_is_the_vectors_and_not_that_of_its_control():
    numbers = Study(0, 1.0).numbers()
    row = numbers["comparisons"]["mean_difference"]["random"]
    net = {own["kind"]: own["net"]["estimate"] for own in numbers["at_setting"]}
    assert row["own"] == pytest.approx(net["mean_difference"], abs=1e-6)
    assert row["mean"] == pytest.approx(net["random"], abs=1e-6)
    assert row["lowest"] <= row["mean"] <= row["highest"]


def changes(mended, spoiled=0, n=100):
    return np.array([1.0] * mended + [-1.0] * spoiled + [0.0] * (n - mended - spoiled))


def test_others_that_all_do_nothing_decide_nothing_by_that():
    nothing = np.zeros((5, 40))
    assert one_of_many(changes(1, n=40), nothing)["p"] > 0.05
    assert one_of_many(changes(20, n=40), nothing)["p"] < 0.001


def test_one_of_many_is_the_t_test_of_one_case():
    """Worked out by hand: mean 0.3, variance 0.025, so t = 0.5 / (0.158 * sqrt(1.2)), 4 d.f."""
    others = np.array([changes(mended) for mended in (10, 20, 30, 40, 50)])
    found = one_of_many(changes(80), others)
    assert found["p"] == pytest.approx(t.sf(0.5 / np.sqrt(0.025 * 1.2), 4), rel=1e-3)
    assert (found["n_vectors"], found["n_as_good"]) == (5, 0)
    assert (found["mean"], found["lowest"], found["highest"]) == (0.3, 0.1, 0.5)


def test_others_that_mend_what_they_spoil_have_the_spread_of_both():
    """Nets of 0 without a spread: the floor is the share changed, over n examples."""
    others = np.array([changes(10, 10) for _ in range(5)])
    found = one_of_many(changes(5), others)
    size = 6 * 100
    floor = ((5 * 20 + 5 + 0.5) / (size + 1) - (5 / (size + 1)) ** 2) / 100
    assert found["error"] == pytest.approx(np.sqrt(floor * 1.2), rel=1e-3)
    assert found["p"] > 0.05
    assert one_of_many(changes(5), np.zeros((5, 100)))["p"] < found["p"]


def test_more_of_the_mended_is_not_more_where_it_spoils_as_many():
    others = np.array([changes(10, spoiled) for spoiled in (8, 9, 10, 11, 12)])
    assert one_of_many(changes(60, 60, 200), np.tile(others, 2))["p"] > 0.3


@pytest.mark.parametrize("n_vectors", [2, 5, 20])
def test_the_least_that_is_shown_is_where_the_test_turns(n_vectors):
    row = {"n_vectors": n_vectors, "error": 0.02}
    least = least_shown(row, n_tests=8)
    turn = [t.sf(at * least / 0.02, n_vectors - 1) * 8 for at in (0.999, 1.001)]
    assert [bool(is_clearly_significant(p)) for p in turn] == [False, True]
