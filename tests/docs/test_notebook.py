"""The notebook runs from top to bottom, and says what plain transformers says."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope import studies
from fimscope.errors import UserError
from pages import ROOT

FOLDER = ROOT / "models" / "embedded"
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.mark.model
def test_the_notebook_runs_and_is_right(monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(NOTEBOOK.parent)
    found = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), found)
    found["plt"].close("all")

    tokenizer = found["model"].nnsight.tokenizer
    network = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()

    def best(program: str) -> int:
        ids = tokenizer(found["prompt"](program)).input_ids
        with torch.inference_mode():
            return int(network(torch.tensor([ids])).logits[0, -1].argmax())

    assert found["target"] == best(found["donor"])
    assert found["lens"].top_ids[-1, 0, 0, 0] == best(found["recipient"])
    assert found["sweep"].patched.top_ids[-1, 0, 0] == found["target"]
    spelled = tokenizer.decode(best(found["recipient"]))
    assert found["patched"].answers(1)[0][0][0] == tokenizer.decode(found["target"])
    assert found["completions"][0.0].startswith(spelled)
    assert f"points 0..{network.config.n_layer}" in capsys.readouterr().out


@pytest.mark.unit
def test_its_last_cell_says_what_to_run_where_there_is_no_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "PROJECT", tmp_path)
    cells = [each for each in json.loads(NOTEBOOK.read_text())["cells"] if "outputs" in each]
    exec("".join(cells[-1]["source"]), {"results": studies.results, "UserError": UserError})
    assert capsys.readouterr().out.endswith("run it first: make run\n")
