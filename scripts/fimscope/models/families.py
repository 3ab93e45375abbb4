"""Where each architecture keeps the places that are read and patched."""

from dataclasses import dataclass

from fimscope.errors import UserError


@dataclass(frozen=True)
class Family:
    """Module paths of one architecture.

    The paths from `attention` on are relative to a block. `attention_output` and `mlp_output` are
    the modules whose output is added to the residual stream, which in Gemma comes after one more
    norm. The input of `head_mixer` is the per-head values before the output projection,
    [..., n_heads * d_head].
    """

    embedding: str
    blocks: str
    final_norm: str
    attention: str
    attention_output: str
    mlp_output: str
    head_mixer: str
    masks_by_kind: bool = False  # forward takes a mask for each kind of block, in a dict
    unembedding: str = "lm_head"
    embedding_times_root_width: bool = False  # what enters block 0


GPT = Family(
    embedding="transformer.wte",
    blocks="transformer.h",
    final_norm="transformer.ln_f",
    attention="attn",
    attention_output="attn",
    mlp_output="mlp",
    head_mixer="attn.c_proj",
)
LLAMA = Family(
    embedding="model.embed_tokens",
    blocks="model.layers",
    final_norm="model.norm",
    attention="self_attn",
    attention_output="self_attn",
    mlp_output="mlp",
    head_mixer="self_attn.o_proj",
)
QWEN = Family(**{**vars(LLAMA), "masks_by_kind": True})
GEMMA = Family(
    **{
        **vars(QWEN),
        "attention_output": "post_attention_layernorm",
        "mlp_output": "post_feedforward_layernorm",
        "embedding_times_root_width": True,
    }
)
GEMMA3 = Family(
    **{
        **vars(GEMMA),
        "embedding": "model.language_model.embed_tokens",
        "blocks": "model.language_model.layers",
        "final_norm": "model.language_model.norm",
    }
)

# By the model_type of config.json. Another architecture is one more line here, and one more
# builder in tests/helpers/models.py, over which every exactness test then runs.
FAMILIES: dict[str, Family] = {
    "gpt_bigcode": GPT,
    "gpt2": GPT,
    "llama": LLAMA,
    "starcoder2": LLAMA,
    "qwen2": QWEN,
    "mistral": LLAMA,
    "qwen3": QWEN,
    "gemma": Family(**{**vars(LLAMA), "embedding_times_root_width": True}),
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
    "gemma3": GEMMA3,
}


def find_family(model_type: str, where: str) -> Family:
    """The family of a model_type; `where` is the file that names it.

    raises UserError that lists the supported ones and says how to add one
    """
    if model_type not in FAMILIES:
        raise UserError(
            f"{where}: model_type {model_type!r} is not supported; expected one of "
            f"{', '.join(sorted(FAMILIES))}. To add one, name its module paths in "
            "scripts/fimscope/models/families.py and a tiny model of it in tests/helpers/models.py"
        )
    return FAMILIES[model_type]
