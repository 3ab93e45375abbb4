"""A GGUF file made into a folder of safetensors and a fast tokenizer that loads in seconds."""

import shutil
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.files.digests import dump_json
from fimscope.models.shapes import check_n_blocks, check_shapes, empty_network
from fimscope.models.sources import INDEX_FILE, one_line
from fimscope.steps.frame import log

if TYPE_CHECKING:
    from gguf import GGUFReader, ReaderTensor
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

# A file of weights is written when it has so many bytes: all of them never are in memory at once.
FILE_BYTES = 2**29
NUMBERS_AT_ONCE = 2**22  # dequantised: that takes several times their memory


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
    from gguf import GGUFReader
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoTokenizer

    try:
        log.info("gguf: reading what %s holds", gguf.name)
        reader = GGUFReader(gguf)
        _check_n_blocks(reader, gguf.name)
        config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tensors = Counter(tuple(sorted(map(int, tensor.shape))) for tensor in reader.tensors)
        check_shapes(config, tensors, gguf.name)
        log.info("gguf: rebuilding the tokenizer (its merges are derived from the vocabulary)")
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
        log.info("gguf: dequantising %d tensors to bfloat16", len(reader.tensors))
        config.dtype = torch.bfloat16
        network = empty_network(config)
        write_weights(dequantised(reader, network), network, folder)
    except (
        *(ValueError, KeyError, IndexError, struct.error, NotImplementedError),
        StrictDataclassError,
    ) as error:
        raise UserError(
            f"{gguf.name}: transformers cannot read this file ({one_line(error)}); take another"
        ) from error
    network.config.architectures = [type(network).__name__]
    network.config.save_pretrained(folder)
    network.generation_config.save_pretrained(folder)
    return quantisation(reader)


def dequantised(reader: "GGUFReader", network: "PreTrainedModel") -> "Iterator[tuple[str, Tensor]]":
    """The tensors of a GGUF file in bfloat16, by the names that the network has for them.

    network   of the file's architecture, without memory

    One after another, by transformers' own tables of names and layouts; transformers itself would
    hold all of them twice.
    """
    import torch
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    architecture = reader.fields["general.architecture"].contents()
    reader.fields.clear()  # the reader has several arrays of each token and merge: not kept beside
    sizes = network.config.to_dict()
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=sizes)
    names = get_gguf_hf_weights_map(network, processor)
    gathered: dict[str, Tensor] = {}  # experts that the file holds apart and the network as one
    for tensor in reader.tensors:
        done = processor.process(
            weights=in_float32(tensor),
            name=tensor.name,
            tensor_key_mapping=names,
            parsed_parameters={"config": sizes, "tensors": gathered},
        )
        if done.name in names:
            yield names[done.name], torch.tensor(done.weights, dtype=torch.bfloat16)
    for name, weights in gathered.items():
        yield name, weights.bfloat16()


def in_float32(tensor: "ReaderTensor") -> "NDArray":
    """The numbers of a tensor of a GGUF file, dequantised some rows at a time."""
    import numpy as np
    from gguf import dequantize

    step = max(1, NUMBERS_AT_ONCE * len(tensor.data) // int(tensor.n_elements))
    rows = [tensor.data[start : start + step] for start in range(0, len(tensor.data), step)]
    weights = np.empty([int(size) for size in reversed(tensor.shape)], np.float32)
    for start, some in zip(range(0, len(weights), step), rows, strict=True):
        weights[start : start + step] = dequantize(some, tensor.tensor_type)
    return weights


def write_weights(
    tensors: "Iterable[tuple[str, Tensor]]", network: "PreTrainedModel", folder: Path
) -> None:
    """Write tensors by their names as safetensors, in one file, or in several with an index.

    raises KeyError where they are not all that the network has
    """
    from safetensors.torch import save_file

    file_of: dict[str, str] = {}
    n_bytes = 0
    for number, held in enumerate(in_files(tensors), 1):
        name = f"model-{number:05d}.safetensors"
        save_file(held, folder / name, metadata={"format": "pt"})
        (folder / name).chmod(0o644)  # safetensors writes for the owner alone
        file_of.update(dict.fromkeys(held, name))
        n_bytes += sum(tensor.nbytes for tensor in held.values())
    if missing := {name for name, _ in network.named_parameters()} - file_of.keys():
        raise KeyError(f"it holds no {min(missing)}")
    if len(set(file_of.values())) == 1:
        (folder / name).rename(folder / "model.safetensors")
    else:
        index = {"metadata": {"total_size": n_bytes}, "weight_map": file_of}
        (folder / INDEX_FILE).write_text(dump_json(index), encoding="utf-8")


def in_files(tensors: "Iterable[tuple[str, Tensor]]") -> "Iterator[dict[str, Tensor]]":
    """The tensors of each file, which has at most FILE_BYTES or one tensor."""
    held: dict[str, Tensor] = {}
    for name, tensor in tensors:
        if held and sum(each.nbytes for each in held.values()) + tensor.nbytes > FILE_BYTES:
            yield held
            held = {}
        held[name] = tensor
    if held:
        yield held


def quantisation(reader: "GGUFReader") -> dict[str, Any]:
    """`type`, in which a GGUF file holds most of its numbers, and `bits` of each on average."""
    sizes: Counter[str] = Counter()
    n_bytes = 0
    for tensor in reader.tensors:
        sizes[tensor.tensor_type.name] += int(tensor.n_elements)
        n_bytes += int(tensor.n_bytes)
    return {"type": sizes.most_common(1)[0][0], "bits": round(8 * n_bytes / sizes.total(), 2)}


def _check_n_blocks(reader: "GGUFReader", where: str) -> None:
    """raises UserError where a GGUF file names more blocks than it has tensors"""
    for name, field in reader.fields.items():
        if name.endswith(".block_count"):
            check_n_blocks({"block_count": field.contents()}, len(reader.tensors), where)
