"""Load a causal language model from a local folder, with the same named places for every family."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from nnsight import Envoy, TransformersModel
from safetensors import SafetensorError
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from fimscope.errors import UserError
from fimscope.models.dtypes import taken_dtype
from fimscope.models.families import Family, find_family
from fimscope.models.structure import family_of

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
ATTENTIONS = ("sdpa", "eager")
SPREAD = "auto"


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A network, its nnsight wrapper, and where its family keeps things.

    `nnsight` and `network` are the same modules: trace through the first, run plainly with the
    second. `name` is what it was asked for by.

    n_blocks, n_points   L, and the points 0..L of the residual stream
    d_model, d_head      widths of the residual stream and of what one of the n_heads heads gives
    vocab_size           logits of one token
    max_tokens           the longest prompt that the model reads
    dtype, attention     as it was loaded
    blocks, final_norm   the modules, inside a trace
    """

    nnsight: TransformersModel
    network: PreTrainedModel
    family: Family
    name: str

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return (
            f"<model {self.name}: {self.n_blocks} blocks, d_model {self.d_model}, {dtype}, "
            f"{self.device}>"
        )

    @cached_property
    def config(self) -> Any:
        return self.network.config.get_text_config()

    @property
    def n_blocks(self) -> int:
        return self.config.num_hidden_layers

    @property
    def n_points(self) -> int:
        return self.n_blocks + 1

    @property
    def d_model(self) -> int:
        return self.config.hidden_size

    @property
    def n_heads(self) -> int:
        return self.config.num_attention_heads

    @property
    def d_head(self) -> int:
        for name in ("v_head_dim", "head_dim"):  # DeepSeek's queries and keys are wider
            if width := getattr(self.config, name, None):
                return width
        return self.d_model // self.n_heads

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @cached_property
    def embedding_spread(self) -> float:
        """The standard deviation of the embeddings as they enter block 0.

        Gemma's are multiplied on their way by the root of the width.
        """
        weight = self.network.get_submodule(self.family.embedding).weight
        scale = self.d_model**0.5 if self.family.embedding_times_root_width else 1.0
        return scale * weight.float().std().item()

    @property
    def max_tokens(self) -> int:
        return self.config.max_position_embeddings

    @property
    def dtype(self) -> torch.dtype:
        return self.network.dtype

    @cached_property
    def device(self) -> torch.device:
        """Where prompts go and what is read of the model comes.

        Of a model that is spread over several devices, that of its embeddings; accelerate's hooks
        bring each block's inputs to its own.
        """
        hook = getattr(self.network.get_submodule(self.family.embedding), "_hf_hook", None)
        return self.network.device if hook is None else torch.device(hook.execution_device)

    @property
    def attention(self) -> str:
        return self.config._attn_implementation

    @property
    def pad_id(self) -> int:
        """A token id to fill padded places with; they are masked, so that any valid one will do."""
        pad = self.config.pad_token_id
        return pad if isinstance(pad, int) and 0 <= pad < self.vocab_size else 0

    @cached_property
    def blocks(self) -> list[Envoy]:
        return list(self.nnsight.get(self.family.blocks))

    @cached_property
    def final_norm(self) -> Envoy:
        return self.nnsight.get(self.family.final_norm)

    def in_block(self, block: int, path: str) -> Envoy:
        """The module at one of the family's paths inside a block."""
        return self.blocks[block].get(path)

    def residual(self, point: int) -> Tensor:
        """Inside a trace: the residual stream at a point, [example, token, d_model].

        Point 0 enters block 0, point k leaves block k - 1. The hidden_states that transformers
        gives for the last point are after the final norm; this is before it.
        """
        return self.blocks[0].input if point == 0 else self.blocks[point - 1].output

    def begin_at(self, point: int, stream: Tensor) -> None:
        """Inside a trace: leave out the blocks before a point, at which the stream is given."""
        for block in self.blocks[:point]:
            block.skip(stream)  # only what the last of them gives is read


def load_model(
    path: Path, dtype: str, device: str, attention: str, trust_remote_code: bool = False
) -> Model:
    """The model of a local folder that holds config.json and *.safetensors (a tokenizer if any).

    dtype      float32, bfloat16, float16, or auto (`taken_dtype`)
    device     one device, or auto: spread over all GPUs that are visible, block by block, by
               accelerate; what they do not hold stays in main memory and is brought in when its
               turn comes; without a GPU, the CPU
    attention  sdpa, or eager, the only one that caps the scores, as Gemma 2 does
    raises     UserError where the folder, the family, a weight or a setting is not as expected
    """
    dtype = taken_dtype(dtype, device)
    if dtype not in DTYPES:
        raise UserError(f"model.dtype: {dtype!r} is not one of {', '.join(DTYPES)}")
    if attention not in ATTENTIONS:
        raise UserError(f"model.attention: {attention!r} is not one of {', '.join(ATTENTIONS)}")
    check_device(device)
    config = _read_config(path)
    family = find_family(config.get("model_type", "none"), f"{path}/config.json")
    _refuse_unread(config, attention, f"{path}/config.json")
    if not any(path.glob("*.safetensors")):
        raise UserError(
            f"{path}: no *.safetensors file; weights in other formats are not read, because a "
            "pickle can run code. Convert them with save_pretrained"
        )
    try:
        network, info = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=DTYPES[dtype],
            attn_implementation=attention,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            device_map="auto" if device == SPREAD else None,
        )
    except SafetensorError as error:
        raise UserError(f"{path}: a weights file is not whole ({error}); fetch it again") from None
    except (ValueError, OSError) as error:
        # What follows sends one to transformers' issue tracker.
        said = str(error).partition(" Please request")[0]
        raise UserError(f"{path}: cannot be loaded with attention {attention!r}: {said}") from None
    except RuntimeError as error:
        raise UserError(
            f"{path}: the weights are not those that config.json describes ({error}); "
            "fetch both again"
        ) from None
    # transformers only warns of them, and leaves them random.
    if missing := sorted(info["missing_keys"]):
        raise UserError(
            f"{path}: {len(missing)} weights are missing ({', '.join(missing[:3])}, ...); "
            "the copy is not whole, fetch it again"
        )
    # And of these: they have no place in the network, whose answers would be another model's.
    if left := sorted(info["unexpected_keys"]):
        raise UserError(
            f"{path}: {len(left)} weights have no place in the network that config.json describes "
            f"({', '.join(left[:3])}, ...); one of the two is not the model's, fetch both again"
        )
    tokenizer = _read_tokenizer(path, trust_remote_code)
    network = network if device == SPREAD else network.to(device)
    family = family or family_of(network.eval(), f"{path}/config.json")
    return wrap_network(network, family, tokenizer)


def wrap_network(
    network: PreTrainedModel, family: Family, tokenizer: PreTrainedTokenizerBase | None = None
) -> Model:
    """A model around a network that is in memory; it is put into evaluation mode."""
    network.eval().requires_grad_(False)
    # nnsight wants a tokenizer, and turns its padding side to the left.
    tokenizer = tokenizer or _number_tokenizer(network.config.get_text_config().vocab_size)
    # The pipeline under nnsight moves a network to the first GPU unless it is told where it is; of
    # one that is spread it may not be told.
    where = {} if hasattr(network, "hf_device_map") else {"device": network.device}
    return Model(
        nnsight=TransformersModel(network, tokenizer=tokenizer, task="text-generation", **where),
        network=network,
        family=family,
        name=Path(network.name_or_path).name,
    )


def check_device(device: str) -> None:
    """raises UserError where the device is unknown or not there"""
    if device == SPREAD:
        return
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise UserError(
            f"model.device: {device!r} is no device; expected cpu, cuda, cuda:1 or auto"
        ) from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("model.device: 'cuda' asked for, but no CUDA device is at hand; use 'cpu'")


def _refuse_unread(config: Mapping[str, Any], attention: str, where: str) -> None:
    """raises UserError where a config asks for what is not computed here, with what to do"""
    if quantised := config.get("quantization_config"):
        kind = quantised.get("quant_method", "quantised") if isinstance(quantised, dict) else "?"
        raise UserError(
            f"{where}: the weights are quantised ({kind}), which is not read; take the model's "
            "own weights in bfloat16 or float32, or a GGUF file, which is dequantised"
        )
    text = config.get("text_config")
    text = text if isinstance(text, dict) else config
    if attention == "sdpa" and text.get("attn_logit_softcapping") is not None:
        raise UserError(
            f"{where}: attn_logit_softcapping: attention 'sdpa' has no such cap; set "
            "model.attention: eager"
        )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return json.loads((path / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no config.json; expected the folder of a model, as save_pretrained writes it"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}/config.json: not JSON ({error}); fetch the model again") from None


def _read_tokenizer(path: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase | None:
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        return None
    return AutoTokenizer.from_pretrained(
        path, local_files_only=True, trust_remote_code=trust_remote_code
    )


def _number_tokenizer(vocab_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the decimal numbers of their ids."""
    words = WordLevel({str(token_id): token_id for token_id in range(vocab_size)}, unk_token="0")
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words))
