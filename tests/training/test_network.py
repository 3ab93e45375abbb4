import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from fimscope.models.load import load_model
from fimscope.training.export import export_model
from fimscope.training.loop import Batches, Plan, padded, train, validate
from fimscope.training.network import (
    Shape,
    forward,
    initial_parameters,
    logits,
    state_dict,
    weighted_loss,
)
from fimscope.training.optimiser import Optimiser, Rates, orthogonal
from fimscope.training.tokenizer import train_tokenizer
from fimscope.training.windows import Window, WindowMaker

pytestmark = pytest.mark.model


SHAPE = Shape(n_blocks=3, d_model=24, n_heads=3, n_positions=64, vocab_size=400)
TEXT = "export function grow(size: number, by?: number): number { return size * (by ?? 2); }\n"


def random_parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value + 0.1 * torch.randn(value.shape, generator=generator)
        for name, value in initial_parameters(SHAPE, seed).items()
    }


def reference(parameters):
    config = GPTBigCodeConfig(
        vocab_size=SHAPE.vocab_size,
        n_positions=SHAPE.n_positions,
        n_embd=SHAPE.d_model,
        n_layer=SHAPE.n_blocks,
        n_head=SHAPE.n_heads,
        n_inner=4 * SHAPE.d_model,
        bos_token_id=0,
        eos_token_id=0,
    )
    network = GPTBigCodeForCausalLM(config).eval()
    found = network.load_state_dict(state_dict(parameters, SHAPE), strict=False)
    assert found.missing_keys == ["lm_head.weight"] and not found.unexpected_keys
    network.tie_weights()
    return network


def test_forward_is_that_of_transformers():
    parameters = random_parameters()
    ids = torch.randint(0, 400, (2, 17), generator=torch.Generator().manual_seed(1))
    own = logits(parameters, forward(parameters, SHAPE, ids, torch.float32), torch.float32)
    assert torch.allclose(own, reference(parameters)(ids).logits, atol=1e-4)


def test_loss_is_the_weighted_mean_of_the_targets_losses():
    parameters = random_parameters()
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 0]])
    weights = torch.tensor([[0, 0, 4, 10], [0, 1, 0, 0]], dtype=torch.float32)
    logprobs = reference(parameters)(ids).logits.log_softmax(-1)
    by_hand = -(4 * logprobs[0, 1, 7] + 10 * logprobs[0, 2, 8] + logprobs[1, 0, 10]) / 15
    own = weighted_loss(parameters, SHAPE, ids, weights, torch.float32)
    assert torch.allclose(own, by_hand, atol=1e-5)


@pytest.mark.parametrize("size", [(2, 8, 8), (3, 6, 20), (2, 20, 6)])
def test_orthogonal_keeps_singular_vectors_and_evens_the_values(size):
    matrices = torch.randn(size, generator=torch.Generator().manual_seed(3))
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    found = u.mT @ orthogonal(matrices) @ v.mT
    diagonal = found.diagonal(dim1=-2, dim2=-1)
    assert ((diagonal > 0.5) & (diagonal < 1.4)).all()
    assert (found - torch.diag_embed(diagonal)).abs().max() < 0.15  # bfloat16


def test_adamw_is_that_of_torch():
    parameters = random_parameters()
    name = "wpe.weight"
    twin = parameters[name].clone().requires_grad_(True)
    for value in parameters.values():
        value.requires_grad_(True)
    optimiser = Optimiser(parameters, Rates(0.02, 0.004, 0.3, 1, 10, 20))
    other = torch.optim.AdamW([twin], lr=0.004, betas=(0.9, 0.98), eps=1e-10, weight_decay=0)
    for step in range(3):
        for value in parameters.values():
            value.grad = torch.full_like(value, 0.1 * (step + 1))
        parameters[name].grad = twin.grad = torch.randn(
            twin.shape, generator=torch.Generator().manual_seed(step)
        )
        optimiser.update(step)
        other.step()
    assert torch.allclose(parameters[name], twin, atol=1e-6)


def test_rates_rise_stay_and_fall_to_nothing():
    rates = Rates(muon=0.02, adamw=0.004, decay=0.3, warmup_steps=4, steady_until=10, steps=20)
    assert [rates.at(step) for step in (0, 3, 4, 9, 10, 15, 19)] == pytest.approx(
        [0.25, 1, 1, 1, 1, 0.5, 0.1]
    )


def grower(name, n):
    text = TEXT.replace("grow", name)
    starts = [len(text) * i + text.index(": ") + 2 for i in range(n)]
    ends = [start + len("number") for start in starts]
    return {"package": name, "content": text * n, "starts": starts, "ends": ends}


PROGRAMS = [grower("widen", 4), grower("lift", 1)]


def tiny(folder):
    tokenizer = train_tokenizer(PROGRAMS, SHAPE.vocab_size)
    maker = WindowMaker(tokenizer)
    plan = Plan(
        shape=SHAPE,
        rates=Rates(0.02, 0.004, 0.3, warmup_steps=2, steady_until=4, steps=8),
        lengths=[(math.inf, {32: 0.5, 48: 0.5})],
        batch_tokens=96,
        seed=7,
        every=2,
    )
    folder.mkdir()
    unseen = [maker.plain(PROGRAMS[0], 1, 48)]
    return plan, Batches(PROGRAMS, maker, plan), unseen, initial_parameters(SHAPE, 7), folder


def test_programs_of_this_test_have_their_annotations_where_they_say():
    for row in PROGRAMS:
        spans = zip(row["starts"], row["ends"], strict=True)
        assert {row["content"][a:b] for a, b in spans} == {"number"}


def test_a_run_that_was_stopped_gives_what_an_uninterrupted_one_gives(tmp_path):
    torch.set_num_threads(1)
    whole, rows = train(*tiny(tmp_path / "whole"))
    train(*tiny(tmp_path / "cut"), should_stop=lambda step: step >= 2)
    plan, batches, unseen, start, folder = tiny(tmp_path / "again")
    (tmp_path / "cut" / "checkpoint.safetensors").rename(folder / "checkpoint.safetensors")
    resumed, resumed_rows = train(plan, batches, unseen, start, folder)
    assert [row["step"] for row in rows] == [2, 4, 6, 8] and rows == resumed_rows
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_batches_depend_on_seed_and_step_alone(tmp_path):
    _, batches, *_ = tiny(tmp_path / "run")
    first = batches.at(5)
    batches.at(6)
    assert batches.at(5) == first != batches.at(6)
    n_tokens = {len(window.ids) for step in range(20) for window in batches.at(step)}
    assert max(n_tokens) <= 48


def test_packages_are_drawn_by_the_root_of_their_holes(tmp_path):
    _, batches, *_ = tiny(tmp_path / "run")
    # 4 holes against 1: sqrt(4) to sqrt(1).
    chances = np.diff(batches.cumulative, prepend=0)
    assert chances[:4].sum() == pytest.approx(2 / 3) and chances[4] == pytest.approx(1 / 3)


def test_padding_counts_nowhere():
    windows = [Window([1, 2, 3], [0, 1, 10], 1), Window([4, 5], [0, 4], 1)]
    ids, weights = padded(windows)
    assert ids.tolist() == [[1, 2, 3], [4, 5, 0]]
    assert weights.tolist() == [[0, 1, 10], [0, 4, 0]]


def test_validation_counts_what_the_reference_network_gets_right():
    torch.set_num_threads(1)
    parameters = random_parameters()
    generator = torch.Generator().manual_seed(4)
    network = reference(parameters)
    prompts = torch.randint(0, 400, (60, 9), generator=generator)
    first, second = network(prompts).logits[:, -1].topk(2).values.T
    clear = (first - second).topk(6).indices  # bfloat16 must not turn a near tie
    prompts = prompts[clear]
    best = network(prompts).logits[:, -1].argmax(-1)

    def windows(answers):
        ids = torch.cat([prompts, answers[:, None], torch.zeros(6, 1, dtype=torch.long)], dim=1)
        return [Window(row, [0.0] * 11, 2) for row in ids.tolist()]

    right, wrong = windows(best), windows((best + 1) % 400)
    found = validate(parameters, SHAPE, right[:4] + wrong[:2], 64)
    assert found["top1"] == 4 / 6
    assert validate(parameters, SHAPE, wrong, 64)["top1"] == 0


def test_export_is_a_model_that_loads_and_answers_the_same(tmp_path):
    tokenizer = train_tokenizer(PROGRAMS, SHAPE.vocab_size)
    parameters = random_parameters()
    export_model(parameters, SHAPE, tokenizer, tmp_path)
    model = load_model(tmp_path, "float32", "cpu", "sdpa")
    ids = torch.randint(0, 400, (2, 9), generator=torch.Generator().manual_seed(1))
    rounded = {name: value.bfloat16().float() for name, value in parameters.items()}
    own = logits(rounded, forward(rounded, SHAPE, ids, torch.float32), torch.float32)
    assert torch.allclose(model.network(ids).logits, own, atol=1e-4)
    assert model.network.generation_config.eos_token_id == 0
    assert (model.n_blocks, model.d_model, model.n_heads) == (3, 24, 3)
    assert json.loads((tmp_path / "config.json").read_text())["multi_query"] is True
    weights = load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}


def test_a_new_network_adds_nothing_to_the_stream_and_can_learn():
    parameters = initial_parameters(SHAPE, 2)
    ids = torch.randint(0, SHAPE.vocab_size, (2, 30), generator=torch.Generator().manual_seed(1))
    stream = parameters["wte.weight"][ids] + parameters["wpe.weight"][:30]
    expected = torch.nn.functional.layer_norm(stream, (SHAPE.d_model,))
    assert torch.allclose(forward(parameters, SHAPE, ids, torch.float32), expected, atol=1e-5)
    for value in parameters.values():
        value.requires_grad_(True)
    weighted_loss(parameters, SHAPE, ids, torch.ones(2, 30), torch.float32).backward()
    for name in ("attn.c_proj.weight", "mlp.c_proj.weight"):
        assert all(block.any() for block in parameters[name].grad)
