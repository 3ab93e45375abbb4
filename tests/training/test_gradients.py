import pytest
import torch

from fimscope.training.gradients import DTYPE, Gradients
from fimscope.training.network import Shape, initial_parameters, weighted_loss

pytestmark = pytest.mark.model

SHAPE = Shape(n_blocks=3, d_model=24, n_heads=3, n_positions=160, vocab_size=400)


def parameters_on(device):
    generator = torch.Generator().manual_seed(1)
    return {
        name: (value + 0.1 * torch.randn(value.shape, generator=generator))
        .to(device)
        .requires_grad_(True)
        for name, value in initial_parameters(SHAPE, 0).items()
    }


def batch(n_sequences, n_tokens, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 400, (n_sequences, n_tokens), generator=generator)
    weights = torch.tensor([0.0, 1.0, 4.0, 10.0])
    return ids, weights[torch.randint(0, 4, ids.shape, generator=generator)]


def test_gradients_are_those_of_backward():
    parameters = parameters_on("cpu")
    gradients = Gradients(parameters, SHAPE)
    loss, found = gradients(*batch(4, 30, 0))
    plain = weighted_loss(parameters, SHAPE, *batch(4, 30, 0), DTYPE)
    plain.backward()
    assert loss == plain.detach()
    for name, value in parameters.items():
        assert torch.equal(found[name], value.grad) and found[name].any(), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_replay_gives_what_a_plain_run_gives():
    """Of a batch that is padded, after another of the same shape, and after an update."""
    parameters = parameters_on("cuda")
    gradients = Gradients(parameters, SHAPE)
    for turn, (n_sequences, n_tokens) in enumerate([(4, 64), (4, 61), (2, 128), (4, 64)]):
        ids, weights = batch(n_sequences, n_tokens, turn)
        loss, found = gradients(ids, weights)
        plain_loss, plain = gradients.plain(ids.cuda(), weights.cuda())
        assert float(loss) == pytest.approx(float(plain_loss), rel=1e-3)
        for name, value in plain.items():
            error = (found[name] - value).norm() / value.norm().clamp(min=1e-6)
            assert error < 0.02, name  # bfloat16, summed in another order where padded
        with torch.no_grad():
            for name, value in parameters.items():
                value -= 0.01 * found[name]
    assert len(gradients.recordings) == 2
