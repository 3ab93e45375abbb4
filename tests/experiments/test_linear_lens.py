"""The linear lens: its maps on planted relations, its table on a network, its numbers by hand."""

import numpy as np
import pytest
import torch

from fimscope.errors import UserError
from fimscope.experiments.lens.linear import choose_map, fit_maps
from fimscope.experiments.lens.linear_numbers import linear_numbers, read_linear_curves
from fimscope.experiments.lens.linear_section import linear_tables, say_linear
from fimscope.experiments.lens.numbers import read_lens_curves
from fimscope.experiments.lens.tables import LENS, LINEAR_LENS
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import write_table
from fimscope.inference.lens import logit_lens
from fimscope.inference.residuals import collect
from fimscope.prompts.encoder import Encoder
from fit_linear_lens import fit_linear_lens, linear_table
from models import random_model, random_prompts
from plot_lens import plot_linear
from synthetic import MANIFEST
from tokenizers_for_tests import byte_tokenizer

PENALTIES = (1e-6, 1e-2, 1.0, 1e8)
EDITS = ("original", "rename_vars")
N_POINTS = 4


def planted(n: int, d_model: int = 6, noise: float = 0.0, seed: int = 0):
    """Residuals, and last ones that are a linear function of them but for some noise."""
    rng = np.random.default_rng(seed)
    residuals = rng.standard_normal((n, d_model)) + 3
    weights = np.random.default_rng(99).standard_normal((d_model, d_model))
    return residuals, residuals @ weights - 2 + noise * rng.standard_normal((n, d_model))


def test_a_map_is_where_the_penalised_loss_has_no_slope():
    residuals, last = planted(40, 3, noise=1)
    l2 = 0.3
    [found] = fit_maps(residuals, last, [l2])
    centred = residuals - residuals.mean(axis=0)
    unit = (centred**2).mean()

    def loss(weights):
        left = (last - residuals) - (centred @ weights + found.mean)
        return (left**2).sum() / len(last) + l2 * unit * (weights**2).sum()

    for i, j in np.ndindex(3, 3):
        for step in (-1e-3, 1e-3):
            moved = found.weights.copy()
            moved[i, j] += step
            assert loss(moved) > loss(found.weights)


def test_a_linear_relation_is_found_and_the_strongest_penalty_leaves_the_lens_but_for_a_shift():
    residuals, last = planted(30)
    weak, strong = fit_maps(residuals, last, [1e-9, 1e9])
    new, new_last = planted(5, seed=1)
    np.testing.assert_allclose(weak(new), new_last, atol=1e-6)
    shift = (last - residuals).mean(axis=0)
    np.testing.assert_allclose(strong(new), new + shift, atol=1e-6)


@pytest.mark.parametrize("l2", PENALTIES)
def test_the_last_points_own_map_changes_no_bit(l2):
    residuals = np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32) * 100
    [own] = fit_maps(residuals[:6], residuals[:6], [l2])
    assert np.array_equal(own(residuals).astype(np.float32), residuals)


def test_the_penalty_is_that_of_select_and_without_it_the_strongest():
    residuals, last = planted(30)
    new, new_last = planted(5, seed=1)
    assert choose_map(residuals, last, PENALTIES, new, new_last)[1] == 1e-6
    # On noise nothing generalises but the mean; here the last residual less the point's own.
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((2, 30, 6)) * 10
    unrelated = choose_map(noise[0], noise[0] + noise[1], PENALTIES, new, new)
    assert unrelated[1] > 1e-6
    assert choose_map(residuals, last, PENALTIES, new[:0], new_last[:0])[1] == 1e8


def test_shuffled_pairs_explain_nothing_where_the_fitted_map_explains_all():
    residuals, last = planted(90)
    stacked = np.stack([residuals, last])
    groups = np.split(np.arange(90), [50, 70])
    names = [str(i) for i in range(90)]
    maps = fit_linear_lens(stacked, names, PENALTIES, 0, *groups)

    def explained(kind, point):
        return 1 - maps[kind].error[point].sum() / maps[kind].spread.sum()

    assert explained("fitted", 0) == pytest.approx(1, abs=1e-6)
    assert maps["fitted"].error[1].max() == 0
    assert explained("shuffled", 0) < 0.1
    assert explained("shuffled", 1) < 0.1  # the last residual of another prompt tells nothing


@pytest.mark.model
@pytest.mark.parametrize("name", ["gpt_bigcode", "gemma2"])
def test_at_the_last_point_the_linear_lens_is_the_models_own_answer(name):
    model, prompts = random_model(name), random_prompts((5,) * 24)
    residuals = collect(model, prompts, [[-1]] * len(prompts))[:, :, 0].float().numpy()
    groups = np.split(np.arange(24), [12, 18])
    maps = fit_linear_lens(residuals, [str(i) for i in range(24)], PENALTIES, 0, *groups)
    tested = groups[2]
    rows = [
        {
            "example_id": str(i),
            "edit": "original",
            "program_id": "p",
            "gold_token_id": 5,
            "foil_token_id": None if i % 2 else 7,
        }
        for i in tested
    ]
    encoder = Encoder(byte_tokenizer(["a b"]))
    found = linear_table(model, maps, residuals[-1, tested], rows, encoder).to_pylist()
    assert len(found) == 2 * len(tested) * model.n_points
    own = logit_lens(model, [prompts[i] for i in tested], [[-1]] * len(tested), [[5]] * len(tested))
    last = [r for r in found if (r["map"], r["point"]) == ("fitted", model.n_blocks)]
    assert [row["gold_rank"] for row in last] == own.rank[-1, :, 0, 0].tolist()
    np.testing.assert_allclose(
        [row["gold_logprob"] for row in last], own.logprob[-1, :, 0, 0], atol=1e-5
    )
    assert all(row["final_rank"] == row["error"] == 0 for row in last)
    assert [row["foil_rank"] is None for row in last] == [i % 2 == 1 for i in tested]


def lens_row(example: str, edit: str, point: int, rank: int, **more) -> dict:
    return {
        "example_id": example,
        "edit": edit,
        "program_id": f"program of {example}",
        "position": "last",
        "point": point,
        "top10": [],
        "gold_rank": rank,
        "gold_logprob": -1.0 - rank,
        "foil_token_id": None,
        "final_rank": rank,
        "entropy": 1.0,
        "divergence": 0.0,
        **more,
    }


def write_study(folder, n: int):
    """The linear lens has the final answer from point 1 on, the logit lens from point 3 on.

    Shuffled maps never have it. Maps explain 0, 1/2, 3/4 and all of a spread of 4.
    """
    splits, logit = {}, {}
    rows = []
    for edit in EDITS:
        own, split = [], []
        for i in range(n):
            name = f"e{i:02d}"
            outcome = "right" if edit == "original" else "wrong"
            split.append({"example_id": name, "edit": edit, "outcome": outcome, "broken": False})
            for point in range(N_POINTS):
                own.append(lens_row(name, edit, point, 3 - point))
                error = (4.0, 2.0, 1.0, 0.0)[point]
                for kind, rank in (("fitted", max(0, 1 - point)), ("shuffled", 2)):
                    more = {"map": kind, "l2": 1.0, "error": error, "spread": 4.0}
                    rows.append(lens_row(name, edit, point, rank, **more))
        splits[edit] = folder / f"split/{edit}.parquet"
        write_table(splits[edit], SPLIT, split, MANIFEST)
        write_table(folder / f"lens/{edit}.parquet", LENS, own, MANIFEST)
        curves = read_lens_curves(folder / f"lens/{edit}.parquet", splits[edit])
        logit[edit] = curves["last"]
    write_table(folder / "linear_lens.parquet", LINEAR_LENS, rows, MANIFEST)
    return splits, logit


def test_numbers_by_hand(tmp_path):
    splits, logit = write_study(tmp_path, 12)
    curves = read_linear_curves(tmp_path / "linear_lens.parquet", splits)
    numbers = linear_numbers(curves, logit, "rename_vars", margin=0.03)
    assert (numbers["n"], numbers["n_programs"]) == (24, 12)
    assert numbers["fit"]["fitted"]["estimate"] == [0, 0.5, 0.75, 1]
    assert numbers["agreement"]["fitted"]["estimate"] == [0, 1, 1, 1]
    assert numbers["agreement"]["logit"]["estimate"] == [0, 0, 0, 1]
    assert (numbers["lead"]["fitted"], numbers["lead"]["logit"]) == (1, 3)
    assert numbers["lead"]["estimate"] == [-2]
    # Twelve programs, all one way: 2 / 2**12, and the family has 2 rivals at 3 points.
    assert numbers["lead"]["p"] == pytest.approx(2 / 2**12, rel=1e-3)
    for rival in ("logit", "shuffled"):
        own = numbers["beside"][rival]
        assert own["points_above"] == [1, 2]
        assert own["adjusted_p"][1] == pytest.approx(6 * 2 / 2**12, rel=1e-3)
    text = " ".join(say_linear(numbers))
    assert "from point 1 on, through the logit lens from point 3 on" in text
    assert "first through it at point 1, where the map explains 50.0%" in text
    assert "Against the logit lens it puts the final answer first oftener at points 1 to 2" in text
    assert len(linear_tables(numbers)[0].rows) == N_POINTS


def test_without_a_map_section_and_figure_say_so(tmp_path):
    write_table(tmp_path / "linear_lens.parquet", LINEAR_LENS, [], MANIFEST)
    numbers = linear_numbers(
        read_linear_curves(tmp_path / "linear_lens.parquet", {}), {}, "rename_vars", 0.03
    )
    assert say_linear(numbers) == [
        "There is no linear lens: it needs prompts of `fit` and of `test`."
    ]
    assert linear_tables(numbers) == []
    assert all(not axes.get_lines() for axes in plot_linear(numbers).axes)


def test_a_table_of_other_variants_is_refused(tmp_path):
    splits, _ = write_study(tmp_path, 2)
    write_table(splits["original"], SPLIT, [], MANIFEST)
    with pytest.raises(UserError, match=r"example e00 is not in .*original\.parquet"):
        read_linear_curves(tmp_path / "linear_lens.parquet", splits)


def test_a_residual_in_half_precision_comes_back_as_it_was():
    values = torch.randn(1000).to(torch.bfloat16)
    [own] = fit_maps(values.float().numpy()[:, None], values.float().numpy()[:, None], [0.1])
    back = torch.from_numpy(own(values.float().numpy()[:, None])).to(torch.bfloat16)
    assert torch.equal(back[:, 0], values)
