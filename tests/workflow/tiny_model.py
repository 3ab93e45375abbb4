"""A gpt_bigcode of 24 blocks, built on the spot, that has learned a few types by heart.

A model of random weights is never right, so nothing could break and nothing be patched. This one
has seen the answers of its own prompts for some seconds: it is right about many of them, and a
renamed variable, which it has never seen, makes it wrong.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from tokenizers_for_tests import byte_tokenizer

N_BLOCKS = 24


def build_tiny_model(folder: Path, texts: Sequence[str], prompts) -> None:
    """Write config, safetensors and tokenizer.json.

    prompts   a function from the tokenizer's Encoder to [(token ids, gold token id)]
    """
    from fimscope.prompts.encoder import Encoder

    folder.mkdir(parents=True)
    tokenizer = byte_tokenizer(texts, vocab_size=900)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = GPTBigCodeConfig(
        vocab_size=tokenizer.get_vocab_size(),
        n_positions=512,
        n_embd=32,
        n_layer=N_BLOCKS,
        n_head=4,
        multi_query=True,
        bos_token_id=0,
        eos_token_id=0,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
    )
    torch.manual_seed(0)
    model = GPTBigCodeForCausalLM(config)
    _learn(model, prompts(Encoder(tokenizer)))
    model.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )


def _learn(model, answers: Sequence[tuple[list[int], int]], n_steps: int = 60) -> None:
    width = max(len(ids) for ids, _ in answers)
    ids = torch.tensor([[0] * (width - len(ids)) + ids for ids, _ in answers])
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids, _ in answers])
    golds = torch.tensor([gold for _, gold in answers])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(n_steps):
        hidden = model.transformer(
            input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)
        ).last_hidden_state[:, -1]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), golds)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
