"""A gpt_bigcode of 24 blocks, built on the spot, that has learned a few types by heart.

A model of random weights is never right, so nothing could break and nothing be patched. This one
learns what it shall say of its own prompts, so that the same answers are right, wrong and broken
on every machine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from tokenizers_for_tests import byte_tokenizer

N_BLOCKS = 24


def build_tiny_model(folder: Path, texts: Sequence[str], answers: Callable) -> None:
    """Write config, safetensors and tokenizer.json.

    answers   a function from the tokenizer's Encoder to {token ids of a prompt: id of the answer}
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
        initializer_range=0.2,  # with 0.02, which is for wide networks, it learns slowly
    )
    torch.manual_seed(0)
    model = GPTBigCodeForCausalLM(config)
    _learn(model, answers(Encoder(tokenizer)))
    model.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )


def _learn(model, answers: Mapping[tuple[int, ...], int], most_steps: int = 300) -> None:
    """Train until every answer leads by a margin that no machine's arithmetic undoes."""
    width = max(map(len, answers))
    ids = torch.tensor([[0] * (width - len(prompt)) + [*prompt] for prompt in answers])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in answers])
    golds = torch.tensor([*answers.values()])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(most_steps):
        hidden = model.transformer(
            input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)
        ).last_hidden_state[:, -1]
        losses = torch.nn.functional.cross_entropy(model.lm_head(hidden), golds, reduction="none")
        if losses.max() < 0.3:
            return
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
    raise AssertionError(f"not learned in {most_steps} steps: {losses.max():.2f} nats")
