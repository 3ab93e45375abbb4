"""What the controls of a patch are made of."""

import numpy as np
import pytest
import torch

from fimscope.experiments.patch.donors import LastDonors, Noise


class Cached:
    """Residuals in memory: [point, row, d_model]."""

    def __init__(self, values: torch.Tensor, edit: str):
        self.values, self.n_points = values, len(values)
        self.rows = {(f"e{i}", edit): i for i in range(values.shape[1])}

    def read(self, point: int, position: str) -> torch.Tensor:
        assert position == "last"
        return self.values[point]


def test_random_donors_have_the_mean_and_the_covariance_of_the_residuals():
    generator = torch.Generator().manual_seed(0)
    stretch = torch.tensor([[[3.0, 0, 0], [2, 1, 0], [0, 0, 0.1]]])
    values = torch.randn(2, 40, 3, generator=generator) @ stretch + torch.tensor([5.0, 0, -1])
    caches = [Cached(values[:, :15], "original"), Cached(values[:, 15:], "rename_vars")]
    donors = LastDonors(caches, {}, seed=3)
    asked = {"donor_example_id": None, "donor_edit": None, "donor_kind": "random"}
    drawn = torch.stack([donors.of({**asked, "pair_id": str(i)}) for i in range(5000)], dim=1)
    for point in range(2):
        own, found = values[point].numpy(), drawn[point].numpy()
        assert found.mean(axis=0) == pytest.approx(own.mean(axis=0), abs=0.2)
        assert np.cov(found.T) == pytest.approx(np.cov(own.T), rel=0.1, abs=0.1)
    again = donors.of({**asked, "pair_id": "7"})
    assert torch.equal(again, drawn[:, 7])


def test_noise_has_the_mean_and_the_covariance_of_the_rows_that_it_is_like():
    generator = torch.Generator().manual_seed(1)
    stretch = torch.tensor([[3.0, 0, 0], [2, 1, 0], [0, 0, 0.1]])
    rows = torch.randn(2, 30, 3, generator=generator) @ stretch + torch.tensor([5.0, 0, -1])
    drawn = Noise(rows).draw(20_000, 3, "pair", "place")
    assert drawn.shape == (2, 20_000, 3)
    for own, found in zip(rows.numpy(), drawn.numpy(), strict=True):
        assert found.mean(axis=0) == pytest.approx(own.mean(axis=0), abs=0.1)
        assert np.cov(found.T) == pytest.approx(np.cov(own.T), rel=0.05, abs=0.05)
    assert torch.equal(Noise(rows).draw(4, 3, "pair"), Noise(rows).draw(4, 3, "pair"))
    assert not torch.equal(Noise(rows).draw(4, 3, "pair"), Noise(rows).draw(4, 3, "other"))


def test_noise_of_a_single_row_is_that_row():
    row = torch.randn(1, 5)
    assert torch.equal(Noise(row).draw(2, 0, "a"), row.expand(2, 5))
