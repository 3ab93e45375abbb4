"""Steering vectors on residuals small enough to work out by hand."""

import numpy as np
import pytest

from fimscope.experiments.steer.vectors import (
    VectorSet,
    flipped_and_zero,
    held_out_vectors,
    load_vectors,
    mean_difference,
    random_vectors,
    save_vectors,
    shuffled_vectors,
    type_vectors,
    vector_rows,
)

# [pair, point, d_model]: two points, two dimensions
DIFFERENCES = np.array([[[0, 0], [1, 0]], [[0, 0], [3, 0]], [[0, 0], [0, 2]]], dtype=np.float32)
GOLDS = ["string", "string", "number"]
PROGRAMS = ["A", "A", "B"]
NORMS = np.array([2, 10], dtype=np.float32)


@pytest.fixture
def vectors() -> VectorSet:
    general = mean_difference(DIFFERENCES, PROGRAMS, "mean_difference", "mean_difference")
    return VectorSet(
        [
            general,
            *flipped_and_zero(general),
            *held_out_vectors(DIFFERENCES, GOLDS, PROGRAMS),
            *shuffled_vectors(DIFFERENCES, PROGRAMS, 30, 0),
            *random_vectors((2, 2), 30, 0),
        ],
        NORMS,
    )


def test_means(vectors):
    np.testing.assert_allclose(
        vectors.by_name["mean_difference"].values, [[0, 0], [4 / 3, 2 / 3]], rtol=1e-6
    )
    assert vectors.by_name["mean_difference"].n_programs == 2
    held_out = vectors.by_name["held_out_type/string"]
    np.testing.assert_array_equal(held_out.values, DIFFERENCES[2])
    assert (held_out.gold, held_out.n_pairs) == ("string", 1)
    np.testing.assert_array_equal(vectors.by_name["held_out_type/number"].values[1], [2, 0])


def test_sides_are_swapped_for_a_whole_program_at_a_time(vectors):
    a, b = DIFFERENCES[:2].sum(axis=0), DIFFERENCES[2]
    possible = [(s * a + t * b) / 3 for s in (1, -1) for t in (1, -1)]
    seen = set()
    for vector in vectors.by_kind["shuffled"]:
        [which] = [i for i, p in enumerate(possible) if np.allclose(p, vector.values)]
        seen.add(which)
    assert seen == {0, 1, 2, 3}


def test_a_strength_is_a_share_of_the_residuals_norm(vectors):
    for name in ("mean_difference", "flipped", "random/003", "held_out_type/string"):
        length = np.linalg.norm(vectors.scaled(name, 0.5), axis=1)
        assert length[1] == pytest.approx(5)
    # without a strength it is added as it is
    np.testing.assert_allclose(vectors.scaled("held_out_type/string", None), [[0, 0], [0, 2]])
    # without a direction there is nothing to add
    np.testing.assert_array_equal(vectors.scaled("mean_difference", 4.0)[0], [0, 0])
    np.testing.assert_array_equal(vectors.scaled("zero", 4.0), np.zeros((2, 2)))
    np.testing.assert_array_equal(
        vectors.scaled("flipped", 1.0), -vectors.scaled("mean_difference", 1.0)
    )


def test_type_vectors_are_means_of_a_type_against_all():
    residuals = np.array([[[1.0]], [[3.0]], [[8.0]]], dtype=np.float32)
    found = type_vectors(residuals, ["string", "string", "number"], ["A", "B", "B"], 2)
    assert [(v.name, v.gold) for v in found] == [
        ("gold_type/string", "string"),
        ("majority_type", "string"),
    ]
    assert found[0].values.item() == pytest.approx(2 - 4)
    assert type_vectors(residuals[:0], [], [], 1) == []


def test_which_vector_an_example_gets(vectors):
    assert vectors.for_gold("mean_difference", "string").name == "mean_difference"
    assert vectors.for_gold("held_out_type", "string").name == "held_out_type/string"
    # a type without a pair was held out of the mean difference itself
    assert vectors.for_gold("held_out_type", "Date").name == "mean_difference"
    assert vectors.for_gold("gold_type", "string") is None


def test_a_fit_is_read_back_as_it_was_written(vectors, tmp_path):
    save_vectors(tmp_path / "vectors.safetensors", vectors)
    again = load_vectors(tmp_path / "vectors.safetensors", vector_rows(vectors))
    assert list(again.by_name) == list(vectors.by_name)
    np.testing.assert_array_equal(again.norms, NORMS)
    for name, vector in vectors.by_name.items():
        np.testing.assert_array_equal(again.by_name[name].values, vector.values)
        assert again.by_name[name].gold == vector.gold
    row = next(r for r in vector_rows(vectors) if r["name"] == "mean_difference" and r["point"])
    assert row["relative_norm"] == pytest.approx(np.hypot(4 / 3, 2 / 3) / 10)
