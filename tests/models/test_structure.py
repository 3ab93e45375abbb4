"""Types that are in no list: read by their structure, or refused with what is not found.

That structure gives what the list has is a test of tests/inference/test_check.py.
"""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from fimscope.errors import UserError
from fimscope.inference.check import check_network
from fimscope.models.load import load_model, wrap_network
from fimscope.models.structure import family_of

pytestmark = pytest.mark.model


SIZES = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "head_dim": 8,
    "pad_token_id": None,
}


def random_network(model_type, sizes):
    config = AutoConfig.for_model(model_type, **(SIZES | sizes))
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config).eval()
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, 0.3)
    return network


@pytest.mark.parametrize(
    ("model_type", "outputs"),
    [
        ("ministral", ("self_attn", "mlp")),
        ("granitemoe", ("self_attn", "block_sparse_moe")),
        ("flex_olmo", ("post_attention_layernorm", "post_feedforward_layernorm")),
    ],
)
def test_a_type_that_is_in_no_list_is_read_and_checked(model_type, outputs, tmp_path):
    random_network(model_type, {}).save_pretrained(tmp_path)

    model = load_model(tmp_path, "float32", "cpu", "sdpa")

    assert (model.family.attention_output, model.family.mlp_output) == outputs
    assert dict(check_network(model))["blocks"].startswith("each point")


def test_attention_that_reads_from_no_token_too_is_noticed():
    network = random_network("gpt_oss", {})
    model = wrap_network(network, family_of(network, "config.json"))
    with pytest.raises(UserError, match="sums to 1 but for"):
        check_network(model)


@pytest.mark.parametrize(
    ("model_type", "sizes", "said"),
    [
        ("granite", {"residual_multiplier": 0.5}, "no two modules"),
        ("bloom", {"n_head": 4, "n_layer": 3}, "no two modules"),
        ("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}, "not every block"),
    ],
)
def test_what_is_read_otherwise_is_refused(model_type, sizes, said):
    with pytest.raises(UserError, match=said):
        family_of(random_network(model_type, sizes), "config.json")
