"""Loading: local folders of safetensors, the supported families, the named places."""

import json
import shutil

import pytest
import torch

from fimscope.errors import UserError
from fimscope.models.load import load_model
from models import ARCHITECTURES, random_model, random_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "gpt_bigcode"
    random_network("gpt_bigcode").save_pretrained(path)
    return path


@pytest.mark.model
def test_loaded_model_computes_what_the_saved_one_did(folder):
    ids = torch.tensor([[5, 6, 7]])
    loaded = load_model(folder, "float32", "cpu", "sdpa")
    assert torch.equal(loaded.network(ids).logits, random_network("gpt_bigcode")(ids).logits)
    assert (loaded.n_blocks, loaded.n_points, loaded.d_model, loaded.n_heads) == (3, 4, 32, 4)
    assert load_model(folder, "bfloat16", "cpu", "eager").dtype == torch.bfloat16


@pytest.mark.model
def test_a_model_is_shown_in_one_short_line(folder):
    loaded = load_model(folder, "bfloat16", "cpu", "sdpa")
    assert repr(loaded) == "<model gpt_bigcode: 3 blocks, d_model 32, bfloat16, cpu>"


def test_every_named_place_exists():
    for name in ARCHITECTURES:
        model = random_model(name)
        family = model.family
        assert len(model.blocks) == model.n_blocks
        for path in (family.attention, family.attention_output, family.mlp_output):
            assert model.in_block(0, path) is not None
        width = model.network.get_submodule(f"{family.blocks}.0.{family.head_mixer}").weight
        assert model.n_heads * model.d_head in width.shape
        embedding = model.network.get_submodule(family.embedding)
        assert embedding is model.network.get_input_embeddings()
        unembedding = model.network.get_submodule(family.unembedding)
        assert unembedding is model.network.get_output_embeddings()


def changed_copy(folder, tmp_path, **config):
    path = tmp_path / "changed"
    shutil.copytree(folder, path)
    text = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**text, **config}))
    return path


def test_what_has_no_attention_is_refused_in_one_sentence(folder, tmp_path):
    path = changed_copy(folder, tmp_path, model_type="mamba")
    with pytest.raises(UserError, match=r"attention 'sdpa': Mamba.* yet\.$"):
        load_model(path, "float32", "cpu", "sdpa")


def test_missing_weights_are_not_left_random(folder, tmp_path):
    path = changed_copy(folder, tmp_path, n_layer=4)
    with pytest.raises(UserError, match="weights are missing"):
        load_model(path, "float32", "cpu", "sdpa")


def test_weights_of_another_shape_are_refused(folder, tmp_path):
    path = changed_copy(folder, tmp_path, n_inner=99)
    with pytest.raises(UserError, match="not those that config.json describes"):
        load_model(path, "float32", "cpu", "sdpa")


def test_truncated_weights_are_named(folder, tmp_path):
    path = changed_copy(folder, tmp_path)
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match="a weights file is not whole"):
        load_model(path, "float32", "cpu", "sdpa")


def test_only_safetensors_are_read(folder, tmp_path):
    path = changed_copy(folder, tmp_path)
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"no \*\.safetensors"):
        load_model(path, "float32", "cpu", "sdpa")


@pytest.mark.parametrize(
    ("dtype", "device", "attention", "message"),
    [
        ("bf61", "cpu", "sdpa", r"model\.dtype: 'bf61'"),
        ("float32", "gpu", "sdpa", r"model\.device: 'gpu'"),
        ("float32", "cpu", "flash", r"model\.attention: 'flash'"),
    ],
)
def test_wrong_settings_are_named(folder, dtype, device, attention, message):
    with pytest.raises(UserError, match=message):
        load_model(folder, dtype, device, attention)


def test_folder_without_config_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        load_model(tmp_path, "float32", "cpu", "sdpa")


def test_soft_capped_attention_needs_eager(tmp_path):
    random_network("gemma2").save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"config\.json: .*set model\.attention: eager"):
        load_model(tmp_path, "float32", "cpu", "sdpa")
