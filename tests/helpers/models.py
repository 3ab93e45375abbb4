"""Tiny random models of every family, built from their configs, and prompts for them."""

import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTBigCodeConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    Starcoder2Config,
)

from fimscope.models.families import FAMILIES
from fimscope.models.load import Model, wrap_network

DEVICE = os.environ.get("FIMSCOPE_TEST_DEVICE", "cpu")  # cuda: the same tests on a GPU
VOCAB = 101
WINDOW = 6  # of the blocks that see a sliding window: shorter than most prompts
# Lengths of a ragged batch, in no order, one of them a single token.
LENGTHS = (9, 17, 1, 12, 5)

_GPT = {"vocab_size": VOCAB, "n_positions": 64, "n_embd": 32, "n_head": 4}
_ROPE = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
_GEMMA = {**_ROPE, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": WINDOW}
_NO_TOKENS = {"bos_token_id": None, "eos_token_id": None}

CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "gpt_bigcode": lambda: GPTBigCodeConfig(**_GPT, n_layer=3, **_NO_TOKENS),
    "gpt_bigcode_24": lambda: GPTBigCodeConfig(**_GPT, n_layer=24, **_NO_TOKENS),
    "gpt2": lambda: GPT2Config(**_GPT, n_layer=3, **_NO_TOKENS),
    "llama": lambda: LlamaConfig(**_ROPE, num_hidden_layers=3, **_NO_TOKENS),
    "qwen2": lambda: Qwen2Config(**_ROPE, num_hidden_layers=3, **_NO_TOKENS),
    "qwen2_window": lambda: Qwen2Config(
        **_ROPE,
        num_hidden_layers=3,
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=1,
        **_NO_TOKENS,
    ),
    "starcoder2": lambda: Starcoder2Config(
        **_ROPE, num_hidden_layers=3, sliding_window=WINDOW, **_NO_TOKENS
    ),
    "mistral": lambda: MistralConfig(
        **_ROPE, num_hidden_layers=3, sliding_window=WINDOW, **_NO_TOKENS
    ),
    "qwen3": lambda: Qwen3Config(**_ROPE, head_dim=16, num_hidden_layers=3, **_NO_TOKENS),
    "gemma": lambda: GemmaConfig(**_ROPE, head_dim=16, num_hidden_layers=3),
    "gemma2": lambda: Gemma2Config(
        **_GEMMA,
        num_hidden_layers=4,
        final_logit_softcapping=3.0,
        attn_logit_softcapping=5.0,
        attn_implementation="eager",
    ),
    "gemma3_text": lambda: Gemma3TextConfig(
        **_GEMMA, num_hidden_layers=4, layer_types=["sliding_attention", "full_attention"] * 2
    ),
    "gemma3": lambda: Gemma3Config(
        text_config=Gemma3TextConfig(
            **_GEMMA, num_hidden_layers=4, layer_types=["sliding_attention", "full_attention"] * 2
        ),
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 8,
            "patch_size": 4,
        },
        mm_tokens_per_image=4,
        image_token_index=99,
    ),
}

_WINDOWS = {
    "sliding_window": WINDOW,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_ROUTED = {
    **_EXPERTS,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 12,
}
# What a tiny config of each further type has beside the sizes of them all.
_FURTHER: dict[str, dict[str, Any]] = {
    "arcee": {},
    "cohere": {"logit_scale": 0.5},
    "cohere2": {**_WINDOWS, "logit_scale": 0.5},
    "cwm": {**_WINDOWS, "head_dim": 8, "bos_token_id": 0, "eos_token_id": 0},
    "deepseek_v2": {**_ROUTED, **_LATENT, "q_lora_rank": None},
    "deepseek_v3": {**_ROUTED, **_LATENT},
    "ernie4_5": {"head_dim": 8},
    "exaone4": _WINDOWS,
    "glm": {"head_dim": 8},
    "glm4": {"head_dim": 8},
    "glm4_moe": {**_ROUTED, "head_dim": 8},
    "gpt_neox": {"num_key_value_heads": 4},
    "helium": {"head_dim": 8},
    "hunyuan_v1_dense": {"head_dim": 8},
    "mixtral": {**_EXPERTS, "sliding_window": WINDOW},
    "nemotron": {},
    "olmo": {},
    "olmo2": {},
    "olmo3": _WINDOWS,
    "olmoe": _EXPERTS,
    "persimmon": {"num_key_value_heads": 4},
    "phi": {},
    "phi3": {"sliding_window": WINDOW},
    "qwen2_moe": _EXPERTS,
    "qwen3_moe": {**_EXPERTS, "use_sliding_window": True, "sliding_window": WINDOW},
    "seed_oss": {"head_dim": 8},
    "smollm3": {"no_rope_layer_interval": 2},
    "stablelm": {},
}


def _config_of(model_type: str) -> PreTrainedConfig:
    sizes = {**_ROPE, **_NO_TOKENS, "num_hidden_layers": 3, "pad_token_id": None}
    return AutoConfig.for_model(model_type, **{**sizes, **_FURTHER[model_type]})


CONFIGS |= {name: partial(_config_of, name) for name in _FURTHER}
# The exactness tests that ask of every type what a study needs run over EVERY_TYPE; all of them
# over one architecture of each structure.
EVERY_TYPE = tuple(name for name in CONFIGS if name != "gpt_bigcode_24")
STRUCTURES = ("gpt_neox", "olmo2", "phi3", "cohere2")
ARCHITECTURES = tuple(name for name in EVERY_TYPE if name not in _FURTHER or name in STRUCTURES)


def random_network(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A network of the architecture with weights so large that its logits are far from flat."""
    config = CONFIGS[name]()
    config.dtype = dtype
    torch.manual_seed(len(name))
    network = AutoModelForCausalLM.from_config(config, dtype=dtype)
    with torch.no_grad():
        for key, weight in network.named_parameters():
            # One-dimensional ones are biases and the scales of norms.
            spread = 0.3 if weight.ndim > 1 else 0.1
            centre = 1.0 if weight.ndim == 1 and "norm" not in key and "ln" not in key else None
            noise = torch.randn_like(weight) * spread
            weight.copy_(noise if centre or weight.ndim > 1 else weight + noise)
    return network.eval().to(DEVICE)


@cache
def random_model(name: str, dtype: torch.dtype = torch.float32) -> Model:
    network = random_network(name, dtype)
    return wrap_network(network, FAMILIES[network.config.model_type])


def random_prompts(lengths: Sequence[int] = LENGTHS, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(1, VOCAB - 3, (length,), generator=generator).tolist() for length in lengths
    ]


def alone_logits(network: PreTrainedModel, prompt: Sequence[int]) -> torch.Tensor:
    """Logits of one prompt at all its positions, [token, vocab], by the bare network."""
    with torch.inference_mode():
        ids = torch.tensor([list(prompt)], device=network.device)
        return network(input_ids=ids).logits[0].float().cpu()
