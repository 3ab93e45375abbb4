"""A GGUF file made into a folder of safetensors and a fast tokenizer that loads in seconds."""

import shutil
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.models.shapes import check_n_blocks, check_shapes
from fimscope.models.sources import one_line
from fimscope.steps.frame import log


def join_parts(parts: Iterable[Path], path: Path) -> None:
    """Write the parts of a file one after another."""
    with path.open("wb") as joined:
        for part in parts:
            log.info("gguf: joining %s", part.name)
            with part.open("rb") as file:
                shutil.copyfileobj(file, joined, 1 << 20)


def convert_gguf(gguf: Path, folder: Path) -> dict[str, Any]:
    """Write config, tokenizer and dequantised weights of a GGUF file into a folder.

    returns   how the file holds its weights (`quantisation`)

    The weights are those that the GGUF file gives in float32, rounded to bfloat16: that rounding
    is the only difference. Tied weights are stored once.
    raises UserError where transformers does not know the file's architecture, it is damaged, or it
    describes another model than the one whose tensors it holds
    """
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    log.info("gguf: rebuilding the tokenizer (its merges are derived from the vocabulary)")
    try:
        _check_sizes(gguf)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tokenizer.save_pretrained(folder)
        del tokenizer  # half a million merges: not in memory beside the weights
        log.info("gguf: dequantising the weights to bfloat16")
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            # else a machine with the kernels for it would keep the weights in their GGUF blocks
            quantization_config=GgufConfig(dequantize=True),
        )
    except (
        *(ValueError, KeyError, IndexError, struct.error, NotImplementedError),
        StrictDataclassError,
    ) as error:
        raise UserError(
            f"{gguf.name}: transformers cannot read this file ({one_line(error)}); take another"
        ) from error
    weights: dict[str, torch.Tensor] = {}
    stored: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in stored:
            stored.add(tensor.data_ptr())
            weights[name] = tensor.contiguous()
    log.info("gguf: writing %d tensors", len(weights))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    return quantisation(gguf)


def quantisation(gguf: Path) -> dict[str, Any]:
    """`type`, in which a GGUF file holds most of its numbers, and `bits` of each on average."""
    from gguf import GGUFReader

    sizes: Counter[str] = Counter()
    n_bytes = 0
    for tensor in GGUFReader(gguf).tensors:
        sizes[tensor.tensor_type.name] += int(tensor.n_elements)
        n_bytes += int(tensor.n_bytes)
    return {"type": sizes.most_common(1)[0][0], "bits": round(8 * n_bytes / sizes.total(), 2)}


def _check_sizes(gguf: Path) -> None:
    """raises UserError where a GGUF file describes another model than its tensors are of

    transformers would make room for that model before it looks for its weights.
    """
    from gguf import GGUFReader
    from transformers import AutoConfig

    reader = GGUFReader(gguf)
    tensors = Counter(tuple(sorted(map(int, tensor.shape))) for tensor in reader.tensors)
    for name, field in reader.fields.items():
        if name.endswith(".block_count"):
            blocks = {"block_count": field.contents()}
            check_n_blocks(blocks, len(reader.tensors), gguf.name)
    config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    check_shapes(config, tensors, gguf.name)
