"""Attribution patching: the slope of exact patches, on every family."""

import pytest
import torch

from fimscope.inference.residuals import collect
from fimscope.interventions.attribution import agreement, attribute_patches
from fimscope.interventions.sweep import sweep
from models import ARCHITECTURES, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model

architectures = pytest.mark.parametrize("name", ARCHITECTURES)
TOLERANCE = {"atol": 1e-4, "rtol": 0}
LENGTHS = (9, 12, 5)


@architectures
def test_attribution_is_the_slope_of_the_exact_effect(name):
    """A thousandth of the way to the donor, the exact effect is a thousandth of the estimate."""
    model, prompts, donors = random_model(name), random_prompts(LENGTHS), random_prompts(LENGTHS, 1)
    positions, donor_positions = [[-1, 1]] * 3, [[-1, 2]] * 3
    pairs = [(4, 9), (50, 2), (7, 8)]
    estimate = attribute_patches(model, prompts, positions, donors, donor_positions, pairs)
    own, other = collect(model, prompts, positions), collect(model, donors, donor_positions)
    step = 1e-3
    near = (own.double() + step * (other.double() - own.double())).float()
    points = [[point] for point in range(model.n_points)]
    columns = []
    for column in range(2):
        tokens = [row[column : column + 1] for row in positions]
        donor = near[:, :, None, column : column + 1]
        logits = sweep(model, prompts, tokens, points, donor, torch.tensor(pairs)).patched.logits
        columns.append(logits[:, :, 0, 0] - logits[:, :, 0, 1])
    effect = torch.stack(columns, dim=2)
    effect = (effect - estimate.difference[:, None]) / step
    torch.testing.assert_close(effect, estimate.effects, atol=0.15, rtol=0.02)
    assert estimate.effects.abs().mean() > 0.3
    for row, prompt in enumerate(prompts):
        logits = alone_logits(model.network, prompt)[-1]
        difference = logits[pairs[row][0]] - logits[pairs[row][1]]
        torch.testing.assert_close(estimate.difference[row], difference, **TOLERANCE)


def test_agreement_is_the_correlation_of_each_cell():
    estimated = torch.tensor([[[1.0, 1.0], [2.0, 5.0], [3.0, 3.0]]])
    exact = torch.tensor([[[2.0, 3.0], [4.0, -5.0], [6.0, -1.0]]])
    torch.testing.assert_close(
        agreement(estimated, exact), torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    )
