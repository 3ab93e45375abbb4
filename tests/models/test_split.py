"""A model spread over several devices by accelerate says and does what it does on one."""

import os

import pytest
import torch
from accelerate import dispatch_model

from fimscope.inference.generate import answer
from fimscope.inference.lens import logit_lens
from fimscope.inference.places import mlp_output
from fimscope.interventions import packed
from fimscope.interventions.addition import sweep_added
from fimscope.interventions.sweep import sweep, sweep_places
from fimscope.models.families import FAMILIES
from fimscope.models.load import Model, load_model, wrap_network
from models import random_model, random_network, random_prompts

pytestmark = pytest.mark.model


# Where the middle blocks go, and the norm and unembedding behind them. Weights on the disk are
# brought in by accelerate's hooks at each forward; a real second device takes a GPU.
SPLITS = [
    "disk",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
]


def split_model(name: str, device: str, folder) -> Model:
    network = random_network(name)
    family = FAMILIES[network.config.model_type]
    prefix = network.base_model_prefix
    names = [f"{prefix}.{child}" for child, _ in network.base_model.named_children()]
    devices = dict.fromkeys([n for n in names if n != family.blocks], "cpu")
    for block in range(network.config.num_hidden_layers):
        devices[f"{family.blocks}.{block}"] = device if block == 1 else "cpu"
    devices |= {family.final_norm: device, family.unembedding: "cpu"}
    dispatch_model(
        network,
        devices,
        main_device="cpu",  # what is on the CPU is also run there
        offload_dir=folder,
        skip_keys=network._skip_keys_device_placement,
    )
    elsewhere = {weight.device.type for weight in network.parameters()} - {"cpu"}
    assert elsewhere == {"meta" if device == "disk" else device}
    return wrap_network(network, family)


@pytest.mark.parametrize("device", SPLITS)
@pytest.mark.parametrize("name", ["gpt_bigcode", "llama", "gemma3_text"])
def test_a_split_model_equals_the_whole_one(name, device, tmp_path, monkeypatch):
    whole, split = random_model(name), split_model(name, device, tmp_path)
    prompts = random_prompts()
    n, d = len(prompts), whole.d_model
    ids = torch.tensor([[4, 9]] * n)
    donors = torch.randn(whole.n_points, n, 3, d, generator=torch.Generator().manual_seed(0))
    points = [[point] for point in range(whole.n_points)]

    def said(model: Model) -> list[torch.Tensor]:
        answers = answer(model, prompts, [4] * n, 3, ())
        patched = [
            sweep(model, prompts, [[token]] * n, points, donors[:, :, :, None], ids)
            for token in (0, -1)
        ]
        lens = logit_lens(model, prompts, [[-1]] * n, [[4]] * n)
        added = sweep_added(model, prompts, [[0], [1, 2]], donors[:3], ids)
        places = {mlp_output(block): donors[block][:, :, None] for block in range(model.n_blocks)}
        with monkeypatch.context() as patch:
            patch.setattr(packed, "PASS_BYTES", 1)
            replaced = sweep_places(model, prompts, [[-1]] * n, places, ids)
        tokens = torch.tensor([one.token_ids for one in answers.completions])
        logits = [found.patched.logits for found in (*patched, added, replaced)]
        return [answers.gold_logprob, tokens, patched[0].baseline.logits, lens.logprob, *logits]

    tolerance = {"rtol": 0, "atol": 0 if device == "disk" else 1e-3}
    for one, other in zip(said(whole), said(split), strict=True):
        torch.testing.assert_close(one, other, **tolerance)


def test_auto_takes_the_devices_that_are_visible_and_no_others(tmp_path, monkeypatch):
    random_network("llama").save_pretrained(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    prompts = random_prompts()
    models = [load_model(tmp_path, "float32", device, "sdpa") for device in ("cpu", "auto")]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    one, other = (answer(model, prompts, [4] * len(prompts), 0, ()) for model in models)
    torch.testing.assert_close(one.gold_logprob, other.gold_logprob, atol=1e-4, rtol=0)
