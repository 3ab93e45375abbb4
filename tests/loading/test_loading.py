"""One call loads a model, whatever its name says: preset, folder, GGUF file, repository."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope import load_model
from fimscope.errors import UserError
from fimscope.loading import find_model, read_preset
from gguf_file import write_gguf
from pages import ROOT

pytestmark = pytest.mark.model

FOLDER = ROOT / "models" / "embedded"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKENS = torch.tensor([[3, 4, 5, 8]])


def says(network) -> torch.Tensor:
    with torch.inference_mode():
        return network(TOKENS).logits[0, -1]


def test_a_preset_is_loaded_as_its_study_runs_it():
    model = load_model("embedded")
    assert model.dtype == torch.float32 and model.n_blocks == 24
    assert repr(model).startswith("<model embedded: 24 blocks, d_model 96, float32, ")
    plain = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    torch.testing.assert_close(says(model.network), says(plain))
    assert read_preset("embedded")["name"] == "embedded"
    assert not read_preset("config") and not read_preset("robustness")  # of no model of their own


def test_a_folder_in_the_dtype_that_is_asked_for():
    assert load_model(FOLDER, dtype="bfloat16").dtype == torch.bfloat16
    assert load_model(str(FOLDER), dtype="float32", attention="eager").attention == "eager"


def test_a_gguf_file_is_converted_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tensors = write_gguf(tmp_path / "tiny.gguf")
    model = load_model(tmp_path / "tiny.gguf", dtype="float32")
    embeddings = model.network.get_input_embeddings().weight
    torch.testing.assert_close(
        embeddings, torch.tensor(tensors["token_embd.weight"]), atol=0.02, rtol=0
    )
    [made] = (tmp_path / "cache/fimscope/models").iterdir()
    times = {path: path.stat().st_mtime_ns for path in made.iterdir()}
    torch.testing.assert_close(
        says(load_model(tmp_path / "tiny.gguf", dtype="float32").network), says(model.network)
    )
    assert {path: path.stat().st_mtime_ns for path in made.iterdir()} == times


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The hub's cache with one repository, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--organisation--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(COMMIT)
    shutil.copytree(FOLDER, repository / "snapshots" / COMMIT, ignore=lambda *_: ["corpus"])
    return tmp_path


def test_a_repository_of_the_hub_at_its_newest_or_at_a_commit(hub):
    for name in ("organisation/name", f"organisation/name@{COMMIT}"):
        assert find_model(name).name == COMMIT
    assert load_model("organisation/name", dtype="float32").n_blocks == 24
    for name in ("organisation/other", "organisation/name@nothing"):
        with pytest.raises(UserError, match="its cache has no such revision"):
            find_model(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", r"'nothing': no folder, no GGUF file, none of the presets \(embedded, gemma"),
        ("one/two/three", "not organisation/name of the hub"),
        ("nowhere.gguf", "no file nowhere.gguf"),
        (ROOT / "docs", "no config.json"),
    ],
)
def test_a_name_of_nothing_is_refused_in_one_sentence(name, said):
    with pytest.raises(UserError, match=said) as error:
        load_model(name)
    assert "\n" not in str(error.value)


def test_the_code_of_a_model_is_not_run_unless_it_is_trusted(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "model", ignore=lambda *_: ["corpus"])
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("{", '{"auto_map": {"A": "a.B"},', 1))
    with pytest.raises(UserError, match="auto_map asks to run the model's own code"):
        load_model(folder)
