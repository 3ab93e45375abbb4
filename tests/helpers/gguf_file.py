"""A small GGUF file, made on the spot."""

from pathlib import Path

import numpy as np

WORDS = ["<s>", "</s>", "<unk>", "function", "pad", "(", ")", ":", "string", "number"]


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A Llama of one block in float32 as a GGUF file; gives its tensors by their GGUF names."""
    from gguf import GGUFWriter, TokenType

    rng = np.random.default_rng(0)
    shapes = {
        "token_embd": (10, 8), "output_norm": (8,), "output": (10, 8),
        "blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,),
        "blk.0.attn_q": (8, 8), "blk.0.attn_k": (8, 8), "blk.0.attn_v": (8, 8),
        "blk.0.attn_output": (8, 8),
        "blk.0.ffn_gate": (16, 8), "blk.0.ffn_up": (16, 8), "blk.0.ffn_down": (8, 16),
    }  # fmt: skip
    tensors = {
        f"{name}.weight": rng.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(32)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(10)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([0.0] * 10)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * 7)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors
