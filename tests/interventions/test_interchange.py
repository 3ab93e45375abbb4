"""Learned subspaces: exact against the patch sweep, and one that was built in is found."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from fimscope.errors import MisalignedError, UserError
from fimscope.experiments.subspace.bases import fit_space
from fimscope.inference.residuals import collect
from fimscope.interventions.interchange import Interchange, Pairs, learn_subspace
from fimscope.interventions.sweep import sweep
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from models import ARCHITECTURES, VOCAB, random_model, random_prompts

pytestmark = pytest.mark.model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_the_patch_of_the_subspace_and_leaves_the_cache_as_it_was(architecture):
    model, prompts = random_model(architecture), random_prompts((9, 17, 5, 12, 7))
    for point in (1, model.n_blocks):
        own = collect(model, prompts, [[-1]] * 5, [point])[0, :, 0]
        donors = own.roll(1, 0)
        basis = torch.linalg.qr(torch.randn(model.d_model, 3)).Q.to(model.device)
        pairs = Pairs(prompts, own, donors, torch.arange(5))
        interchange = Interchange(model, pairs, point)
        found = [interchange.logits(basis).log_softmax(-1).cpu() for _ in range(2)]
        assert torch.equal(*found)
        space = basis.cpu()
        patched = own + (donors - own) @ space @ space.T
        wanted = torch.arange(VOCAB).expand(5, -1)
        plain = sweep(model, prompts, [[-1]] * 5, [[point]], patched[None, :, None, None], wanted)
        logits = plain.patched.logits[0, :, 0]
        torch.testing.assert_close(found[0], logits.log_softmax(-1), atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_basis_as_differences_say():
    model, prompts = random_model("llama"), random_prompts((9, 12))
    own = collect(model, prompts, [[-1]] * 2, [1])[0, :, 0]
    interchange = Interchange(model, Pairs(prompts, own, 3 * own.flip(0), torch.tensor([5, 6])), 1)
    basis = torch.linalg.qr(torch.randn(model.d_model, 2)).Q.to(model.device).requires_grad_()
    interchange.loss(basis).backward()
    step = torch.zeros_like(basis)
    step[3, 1] = 1e-2
    with torch.no_grad():
        rise = interchange.loss(basis + step) - interchange.loss(basis - step)
    assert basis.grad[3, 1].item() == pytest.approx(rise.item() / 2e-2, rel=0.05, abs=1e-4)


WIDTH, K = 32, 2
SHARP = 0.3  # of the answers: so faint that the loss goes on telling how near the subspace is


def axes() -> np.ndarray:
    """[WIDTH, 5], orthonormal and of mean 0: two planted ones, a decoy, two of the answers."""
    columns = np.hstack([np.ones((WIDTH, 1)), np.random.default_rng(5).standard_normal((WIDTH, 5))])
    return np.linalg.qr(columns)[0][:, 1:]


def built():
    """A network that answers 0 where a token lies far out on the first planted axis, on either
    side, and 1 on the second; a third axis tells the same by its sign, and is not read."""
    torch.manual_seed(0)
    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=300, n_positions=8, n_embd=WIDTH, n_head=2, n_layer=2,
            tie_word_embeddings=False, bos_token_id=None, eos_token_id=None,
        )
    ).eval()  # fmt: skip
    planted, decoy, read = np.split(axes(), [K, K + 1], axis=1)
    rng = np.random.default_rng(0)
    kinds, signs = np.arange(300) % K, np.where(np.arange(300) // K % 2, 1, -1)
    noise = 0.1 * rng.standard_normal((300, WIDTH))
    embedding = signs[:, None] * planted.T[kinds] + 0.3 * (2 * kinds[:, None] - 1) * decoy.T + noise
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "ln_" not in name:
                weight.zero_()
        network.transformer.wte.weight.copy_(torch.from_numpy(embedding))
        mlp = network.transformer.h[1].mlp
        for i in range(K):
            for sign, neuron in ((1, 2 * i), (-1, 2 * i + 1)):
                mlp.c_fc.weight[:, neuron] = torch.from_numpy(3 * sign * planted[:, i])
                mlp.c_proj.weight[neuron] = torch.from_numpy(read[:, i])
            network.lm_head.weight[i] = torch.from_numpy(SHARP * read[:, i])
    return wrap_network(network, FAMILIES["gpt2"]), kinds


def test_a_planted_subspace_is_learned_where_the_means_of_the_types_miss_it():
    model, kinds = built()
    prompts = [[7, token] for token in range(20, 300)]
    own = collect(model, prompts, [[-1]] * len(prompts), [1])[0, :, 0]
    of_token = torch.from_numpy(kinds[20:])

    def interchange(first, last):
        """Each token with a later one of the other type."""
        rows = torch.arange(first, last)
        donors = torch.arange(first + 1, last + 1)
        chosen = [prompts[row] for row in rows]
        return Interchange(model, Pairs(chosen, own[rows], own[donors], of_token[donors]), 1)

    fit, held_out, test = interchange(0, 120), interchange(120, 180), interchange(180, 270)
    learned = learn_subspace([fit], [held_out], K, 120, seed=0)
    planted = torch.from_numpy(axes()[:, :K]).float()
    cosines = torch.linalg.svdvals(planted.T @ learned.basis)
    assert cosines.min() > 0.95
    torch.testing.assert_close(learned.basis.T @ learned.basis, torch.eye(K), atol=1e-5, rtol=0)
    golds = [str(kind) for kind in kinds[20:140]]
    space = fit_space(
        own[:120].numpy(), golds, range(120), min_examples=5, most=K, n_random=1, seed=0
    )
    types = torch.from_numpy(space.bases["types", None]).float()
    assert torch.linalg.svdvals(planted.T @ types).max() < 0.2  # it is the decoy

    def turned(basis):
        with torch.no_grad():
            return (test.logits(basis).argmax(-1) == of_token[181:271]).float().mean().item()

    assert turned(learned.basis) > 0.95
    assert turned(types) < 0.1
    again = learn_subspace([fit], [held_out], K, 120, seed=0)
    assert torch.equal(again.basis, learned.basis) and again.step == learned.step > 0
    assert len(learned.losses) == 13 and learned.losses.argmin() == learned.step // 10


def test_the_step_of_the_least_held_out_loss_is_kept():
    """Held-out pairs ask for the other answer: the more is learned, the worse."""
    model, kinds = built()
    prompts = [[7, token] for token in range(20, 60)]
    own = collect(model, prompts, [[-1]] * 40, [1])[0, :, 0]
    targets = torch.from_numpy(kinds[20:60])
    fit = Interchange(model, Pairs(prompts, own, own.roll(-1, 0), targets.roll(-1)), 1)
    opposed = Interchange(model, Pairs(prompts, own, own.roll(-1, 0), targets), 1)
    assert learn_subspace([fit], [opposed], K, 30, seed=1).step == 0


def test_pairs_that_do_not_fit_are_refused():
    model, prompts = random_model("gpt2"), random_prompts((4, 6))
    own = torch.zeros(2, model.d_model)
    with pytest.raises(MisalignedError):
        Interchange(model, Pairs(prompts, own, own, torch.arange(3)), 1)
    with pytest.raises(UserError, match="point: 0 found"):
        Interchange(model, Pairs(prompts, own, own, torch.arange(2)), 0)
