"""A gpt_bigcode of 24 blocks, built on the spot, that has learned a few types by heart.

A model of random weights is never right, so nothing could break and nothing be patched. This one
learns what it shall say of its own prompts, so that the same answers are right, wrong and broken
on every machine.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from tokenizers_for_tests import byte_tokenizer

N_BLOCKS = 24
N_LEARNING = 2  # of these, the last ones


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


def _learn(model, answers: Mapping[tuple[int, ...], int], most_steps: int = 600) -> None:
    """Train until every answer leads by a margin that no machine's arithmetic undoes.

    Only the last blocks learn, of what the others make of the prompts, which is made once.
    """
    width = max(map(len, answers))
    ids = torch.tensor([[0] * (width - len(prompt)) + [*prompt] for prompt in answers])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in answers])
    places = {"attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    golds = torch.tensor([*answers.values()])
    with torch.no_grad():
        states = model.transformer(input_ids=ids, output_hidden_states=True, **places).hidden_states
    upper = _upper_blocks(model.transformer)
    optimiser = torch.optim.AdamW([*upper.h.parameters(), *upper.ln_f.parameters()], lr=5e-3)
    for _ in range(most_steps):
        hidden = upper(inputs_embeds=states[-1 - N_LEARNING], **places).last_hidden_state[:, -1]
        losses = torch.nn.functional.cross_entropy(model.lm_head(hidden), golds, reduction="none")
        if losses.max() < 0.3:
            return
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
    raise AssertionError(f"not learned in {most_steps} steps: {losses.max():.2f} nats")


def _upper_blocks(transformer: torch.nn.Module) -> torch.nn.Module:
    """The last blocks as a network of their own, with the same weights; it adds no places."""
    upper = copy.copy(transformer)
    upper._modules = dict(transformer._modules)
    upper.h = transformer.h[-N_LEARNING:]
    upper.wpe = torch.nn.Embedding.from_pretrained(torch.zeros_like(transformer.wpe.weight))
    return upper
