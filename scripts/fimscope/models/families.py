"""Where each architecture keeps the places that are read and patched."""

from dataclasses import dataclass, replace

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
QWEN = replace(LLAMA, masks_by_kind=True)
GEMMA = replace(
    QWEN,
    attention_output="post_attention_layernorm",
    mlp_output="post_feedforward_layernorm",
    embedding_times_root_width=True,
)
GEMMA3 = replace(
    GEMMA,
    embedding="model.language_model.embed_tokens",
    blocks="model.language_model.layers",
    final_norm="model.language_model.norm",
)
PHI = replace(LLAMA, final_norm="model.final_layernorm", head_mixer="self_attn.dense")
GPT_NEOX = Family(
    embedding="gpt_neox.embed_in",
    blocks="gpt_neox.layers",
    final_norm="gpt_neox.final_layer_norm",
    attention="attention",
    attention_output="attention",
    mlp_output="mlp",
    head_mixer="attention.dense",
)
OLMO2 = replace(
    LLAMA, attention_output="post_attention_layernorm", mlp_output="post_feedforward_layernorm"
)
GLM4 = replace(LLAMA, attention_output="post_self_attn_layernorm", mlp_output="post_mlp_layernorm")

# By the model_type of config.json. Another architecture is found by its structure (structure.py),
# or is one more line here: with a config in tests/helpers/models.py, exactness is tested on it.
FAMILIES: dict[str, Family] = {
    "gpt_bigcode": GPT,
    "gpt2": GPT,
    "llama": LLAMA,
    "starcoder2": LLAMA,
    "qwen2": QWEN,
    "mistral": LLAMA,
    "qwen3": QWEN,
    "gemma": replace(LLAMA, embedding_times_root_width=True),
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
    "gemma3": GEMMA3,
    "arcee": LLAMA,
    "cohere": LLAMA,
    "cohere2": QWEN,
    "cwm": QWEN,
    "deepseek_v2": LLAMA,
    "deepseek_v3": LLAMA,
    "ernie4_5": LLAMA,
    "exaone4": replace(OLMO2, masks_by_kind=True),
    "glm": LLAMA,
    "glm4": GLM4,
    "glm4_moe": LLAMA,
    "gpt_neox": GPT_NEOX,
    "helium": LLAMA,
    "hunyuan_v1_dense": LLAMA,
    "mixtral": LLAMA,
    "nemotron": LLAMA,
    "olmo": LLAMA,
    "olmo2": OLMO2,
    "olmo3": replace(OLMO2, masks_by_kind=True),
    "olmoe": LLAMA,
    "persimmon": PHI,
    "phi": PHI,
    "phi3": LLAMA,
    "qwen2_moe": QWEN,
    "qwen3_moe": LLAMA,
    "seed_oss": LLAMA,
    "smollm3": QWEN,
    "stablelm": LLAMA,
}


# Types that are asked for and cannot be read, and why.
_OWN_KERNEL = "its attention does not go through transformers' interface, and its patterns are lost"
REFUSED: dict[str, str] = {
    "bloom": "its attention and MLP give the residual stream with what they add to it",
    "codegen": _OWN_KERNEL,
    "falcon": "its blocks add the attention's output into the MLP's, in place",
    "gpt_neo": _OWN_KERNEL,
    "gptj": _OWN_KERNEL,
    "granite": "its blocks scale what attention and MLP give before they add it",
    "mpt": _OWN_KERNEL,
    "opt": "its MLP runs on the tokens of a whole batch in one row",
}


def find_family(model_type: str, where: str) -> Family | None:
    """The family of a model_type, None of one in no list; `where` is the file that names it.

    raises UserError that says why it is refused
    """
    if model_type in REFUSED:
        raise UserError(
            f"{where}: model_type {model_type!r} is not supported: {REFUSED[model_type]}; "
            "take another model"
        )
    return FAMILIES.get(model_type)
