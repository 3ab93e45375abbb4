"""Steering of a model that is linear in what is added: what is claimed where the truth is known."""

import numpy as np
import pytest
from scipy.stats import t

from fimscope.experiments.steer.doses import doses_on_select, doses_on_test
from fimscope.experiments.steer.numbers import steering_numbers
from fimscope.experiments.steer.settings import chosen_settings, score_settings
from fimscope.experiments.steer.vectors import Vector, VectorSet, random_vectors, shuffled_vectors
from fimscope.statistics.one_of_many import one_of_many
from fimscope.statistics.verdicts import Verdict

N_POINTS, D_MODEL, N_VECTORS = 6, 48, 5
STRENGTHS = [0.5, 1.0, 2.0]
MARGIN = 0.03
N_STUDIES = 60
MOST_FALSE = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_STUDIES)  # 5%, and what chance adds


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


def claims(planted, **options):
    """[study, (by the p of random vectors alone, of the whole section)]: is more claimed?"""
    found = []
    for seed in range(N_STUDIES):
        rows = Study(seed, planted).numbers(**options)["comparisons"]["mean_difference"]
        shown = [row["verdict"] == Verdict.SHOWN and row["estimate"] > 0 for row in rows.values()]
        found.append((rows["random"]["p"] <= 0.05, any(shown)))
    return np.array(found)


def test_a_random_vector_is_seldom_called_better_than_random():
    assert (claims(0.0).mean(axis=0) <= MOST_FALSE).all()


def test_at_the_setting_of_the_vector_it_would_be_called_so_often():
    """That the test above can fail: a setting chosen for one vector favours it."""
    assert claims(0.0, each_its_own=False)[:, 0].mean() > MOST_FALSE


def test_a_planted_direction_is_found():
    assert claims(1.0)[:, 1].mean() > 0.6


def test_others_that_all_do_nothing_decide_nothing_by_that():
    assert one_of_many(1 / 40, [0.0] * 5, 40)["p"] > 0.05
    assert one_of_many(20 / 40, [0.0] * 5, 40)["p"] < 0.001


def test_one_of_many_is_the_t_test_of_one_case():
    """Worked out by hand: mean 0.3, variance 0.025, so t = 0.5 / (0.158 * sqrt(1.2)), 4 d.f."""
    others = [0.1, 0.2, 0.3, 0.4, 0.5]
    found = one_of_many(0.8, others, 100)
    assert found["p"] == pytest.approx(t.sf(0.5 / np.sqrt(0.025 * 1.2), 4), rel=1e-3)
    assert (found["n_vectors"], found["n_as_good"]) == (5, 0)
