"""The trained model as a folder that transformers and prepare_model read."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from fimscope.files.atomic import replacing
from fimscope.training.network import Shape, state_dict
from fimscope.training.tokenizer import END, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX

DTYPE = torch.bfloat16


def export_model(
    parameters: Mapping[str, Tensor], shape: Shape, tokenizer: Tokenizer, folder: Path
) -> None:
    """Write config, generation config, tokenizer and the weights in bfloat16 into a folder."""
    from transformers import GenerationConfig, GPTBigCodeConfig

    end = tokenizer.token_to_id(END)
    config = GPTBigCodeConfig(
        vocab_size=shape.vocab_size,
        n_positions=shape.n_positions,
        n_embd=shape.d_model,
        n_layer=shape.n_blocks,
        n_head=shape.n_heads,
        n_inner=4 * shape.d_model,
        multi_query=True,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        architectures=["GPTBigCodeForCausalLM"],
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    GenerationConfig(bos_token_id=end, eos_token_id=end, pad_token_id=end).save_pretrained(folder)
    weights = {
        name: value.detach().to(DTYPE).contiguous()
        for name, value in state_dict(parameters, shape).items()
    }
    with replacing(folder / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
    tokenizer.encode_special_tokens = False
    with replacing(folder / "tokenizer.json") as temporary:
        tokenizer.save(str(temporary))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "additional_special_tokens": [FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX],
        "clean_up_tokenization_spaces": False,
        "model_max_length": shape.n_positions,
    }
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
