"""What a check says of a model: the families pass, and each fault is one sentence."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken

from fimscope.errors import UserError
from fimscope.inference.check import check_network
from fimscope.inference.readout import rank_of, readout_of, top_of
from fimscope.models.load import load_model, wrap_network
from fimscope.models.structure import family_of
from fimscope.prompts.check import check_model
from models import EVERY_TYPE, VOCAB, random_model, random_network
from tokenizers_for_tests import byte_tokenizer

pytestmark = pytest.mark.model


@pytest.fixture
def folder(tmp_path):
    random_network("llama").save_pretrained(tmp_path)
    tokenizer = byte_tokenizer([], vocab_size=0, special=["<s>"])
    tokenizer.add_tokens([AddedToken("<|fim_middle|>", special=False)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_every_family_passes(name):
    model = random_model(name)
    assert [what for what, _ in check_network(model)] == [
        *("logits", "unembedding", "points", "batches", "blocks", "attention")
    ]
    assert family_of(model.network, "config.json") == model.family, "by its structure"


def test_logits_that_are_not_finite_are_refused_and_make_no_rank():
    network = random_network("llama")
    network.lm_head.weight.data[7] = float("nan")
    model = wrap_network(network, random_model("llama").family)
    with pytest.raises(UserError, match="not finite.*take model.dtype: bfloat16 or float32"):
        check_network(model)
    logits = torch.tensor([[float("nan"), 1.0]])
    for ask in (
        lambda: rank_of(logits, torch.tensor([0])),
        lambda: top_of(logits, 1),
        lambda: readout_of(model, torch.ones(1, 1, 32), torch.tensor([[0]])),
    ):
        with pytest.raises(UserError, match="not finite"):
            ask()


def test_a_scale_that_the_networks_logits_have_is_noticed(monkeypatch):
    model = random_model("llama")
    monkeypatch.setattr(model.config, "logit_scale", 2.0, raising=False)
    with pytest.raises(UserError, match="the network's logits are scaled"):
        check_network(model)


def test_a_place_that_is_not_what_the_block_adds_is_noticed():
    model = random_model("llama")
    norm = replace(model.family, mlp_output="post_attention_layernorm")  # in front of the MLP
    with pytest.raises(UserError, match="block 0 adds something else"):
        check_network(replace(model, family=norm))


def test_weights_without_a_place_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.bias"] = torch.ones(32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights have no place .*q_proj\.bias"):
        load_model(folder, "float32", "cpu", "sdpa")


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "compressed-tensors", "fp8"])
def test_quantised_weights_are_refused(folder, method):
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf"the weights are quantised \({method}\).*or a GGUF"):
        load_model(folder, "float32", "cpu", "sdpa")


def test_a_tokenizer_with_more_ids_than_the_embedding_is_refused(folder):
    with pytest.raises(UserError, match=rf"has the token id 256, and the model embeds {VOCAB}"):
        check_model(folder, "float32", "cpu", "sdpa")


def test_left_padding_in_float16_is_exact_or_refused():
    model = random_model("llama", torch.float16)
    model.network.set_attn_implementation("eager")
    try:
        rows = check_network(model)
    except UserError as error:
        assert "padded on the left" in str(error)
    else:
        assert "batches" in dict(rows)
    finally:
        model.network.set_attn_implementation("sdpa")
