"""The model that ships with the project, asked by plain transformers."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path(__file__).parents[2] / "models" / "embedded"
ANSWERS = Path(__file__).parent / "data" / "embedded_answers.json"


@pytest.fixture(scope="module")
def embedded():
    network = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    return network, AutoTokenizer.from_pretrained(FOLDER)


def complete(embedded, program: str) -> str:
    """What the model writes in the place of `<hole>`, up to its end token, greedily."""
    network, tokenizer = embedded
    prefix, suffix = program.split("<hole>")
    ids = tokenizer(f"<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>").input_ids
    for _ in range(16):
        with torch.inference_mode():
            token = int(network(torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(token)
        if token == tokenizer.eos_token_id:
            break
    return tokenizer.decode(ids).split("<fim_middle>")[1]


@pytest.mark.model
@pytest.mark.parametrize("case", json.loads(ANSWERS.read_text()), ids=lambda case: case["name"])
def test_it_answers_as_it_did_when_it_was_published(embedded, case):
    assert complete(embedded, case["program"]) == f"{case['answer']}<|endoftext|>"


def test_it_has_24_blocks_of_starcoderbases_architecture(embedded):
    network, tokenizer = embedded
    config = network.config
    assert (config.model_type, config.n_layer, config.multi_query) == ("gpt_bigcode", 24, True)
    assert config.n_positions >= 512
    assert config.vocab_size == len(tokenizer)
    assert (FOLDER / "model.safetensors").stat().st_size < 25e6
