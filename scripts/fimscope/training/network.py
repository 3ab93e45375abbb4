"""The network in training: GPTBigCode's own forward, with the weights of all blocks stacked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-5
HIDDEN = -30000.0  # added to the scores of tokens that may not be seen; bfloat16 can hold it


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; the MLP is four times as wide as the stream."""

    n_blocks: int
    d_model: int
    n_heads: int
    n_positions: int
    vocab_size: int

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads


Parameters = dict[str, Tensor]

# In front of the names below: "h.{block}." in GPTBigCode. Matrices are [block, out, in].
MATRICES = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
BIASES = ("attn.c_attn.bias", "attn.c_proj.bias", "mlp.c_fc.bias", "mlp.c_proj.bias")
NORMS = ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias")
WHOLE = ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias")


def initial_parameters(shape: Shape, seed: int) -> Parameters:
    """Random weights, positions as waves, and blocks that add nothing to the stream yet.

    What random blocks write would drown the tokens, whose embeddings start small.
    """
    generator = torch.Generator().manual_seed(seed)
    n, d, key_value = shape.n_blocks, shape.d_model, 2 * shape.d_head

    def normal(*size: int, std: float) -> Tensor:
        return torch.randn(*size, generator=generator) * std

    inner = 1 / math.sqrt(d)
    return {
        "wte.weight": normal(shape.vocab_size, d, std=0.05),
        "wpe.weight": 0.05 * waves(shape.n_positions, d),
        "ln_f.weight": torch.ones(d),
        "ln_f.bias": torch.zeros(d),
        "ln_1.weight": torch.ones(n, d),
        "ln_1.bias": torch.zeros(n, d),
        "attn.c_attn.weight": normal(n, d + key_value, d, std=inner),
        "attn.c_attn.bias": torch.zeros(n, d + key_value),
        "attn.c_proj.weight": torch.zeros(n, d, d),
        "attn.c_proj.bias": torch.zeros(n, d),
        "ln_2.weight": torch.ones(n, d),
        "ln_2.bias": torch.zeros(n, d),
        "mlp.c_fc.weight": normal(n, 4 * d, d, std=inner),
        "mlp.c_fc.bias": torch.zeros(n, 4 * d),
        "mlp.c_proj.weight": torch.zeros(n, d, 4 * d),
        "mlp.c_proj.bias": torch.zeros(n, d),
    }


def waves(n_positions: int, d_model: int) -> Tensor:
    """[position, d_model], sines and cosines with periods from 2 pi to 2 pi n_positions tokens.

    One linear map leads from any position to its neighbour (Vaswani et al. 2017, section 3.5), so
    that a head learns to look one token back for all positions at once.
    """
    steps = torch.arange(d_model // 2) / (d_model // 2)
    angles = torch.arange(n_positions)[:, None] / n_positions**steps
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def forward(
    parameters: Mapping[str, Tensor], shape: Shape, ids: Tensor, dtype: torch.dtype
) -> Tensor:
    """The stream after the final norm.

    ids      [sequence, token], padded at the end; positions count from 0
    dtype    of the matrix products and of what lies between them; the stream is float32
    returns  [sequence, token, d_model], float32
    """
    n_sequences, n_tokens = ids.shape
    linears = {name: parameters[name].to(dtype).unbind(0) for name in (*MATRICES, *BIASES)}
    norms = {name: parameters[name].unbind(0) for name in NORMS}
    mask = torch.full((n_tokens, n_tokens), HIDDEN, dtype=dtype, device=ids.device).triu(1)
    mask = mask[:, None, :]
    stream = F.embedding(ids, parameters["wte.weight"]) + parameters["wpe.weight"][:n_tokens]
    scale = shape.d_head**-0.5
    d, d_head = shape.d_model, shape.d_head

    def linear(x: Tensor, name: str, block: int) -> Tensor:
        return F.linear(x, linears[f"{name}.weight"][block], linears[f"{name}.bias"][block])

    def norm(x: Tensor, name: str, block: int) -> Tensor:
        weight, bias = norms[f"{name}.weight"][block], norms[f"{name}.bias"][block]
        return F.layer_norm(x, (d,), weight, bias, EPSILON).to(dtype)

    for block in range(shape.n_blocks):
        query, key, value = linear(norm(stream, "ln_1", block), "attn.c_attn", block).split(
            [d, d_head, d_head], dim=-1
        )
        # All heads share keys and values: their queries are rows of one product.
        rows = (query * scale).reshape(n_sequences, n_tokens * shape.n_heads, d_head)
        scores = torch.bmm(rows, key.transpose(1, 2))
        scores = scores.view(n_sequences, n_tokens, shape.n_heads, n_tokens) + mask
        pattern = scores.softmax(-1).view(n_sequences, -1, n_tokens)
        mixed = torch.bmm(pattern, value).view(n_sequences, n_tokens, d)
        stream = stream + linear(mixed, "attn.c_proj", block)
        inner = F.gelu(linear(norm(stream, "ln_2", block), "mlp.c_fc", block), approximate="tanh")
        stream = stream + linear(inner, "mlp.c_proj", block)
    return F.layer_norm(stream, (d,), parameters["ln_f.weight"], parameters["ln_f.bias"], EPSILON)


def logits(parameters: Mapping[str, Tensor], hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """[..., d_model] -> [..., vocab], float32; the unembedding is the embedding."""
    return (hidden.to(dtype) @ parameters["wte.weight"].to(dtype).T).float()


def weighted_loss(
    parameters: Mapping[str, Tensor],
    shape: Shape,
    ids: Tensor,
    weights: Tensor,
    dtype: torch.dtype,
) -> Tensor:
    """The mean of the tokens' losses by their weights, in nats.

    ids, weights   [sequence, token]; the weight of a token counts where it is the target
    """
    hidden = forward(parameters, shape, ids[:, :-1], dtype).flatten(0, 1)
    scores = logits(parameters, hidden, dtype)
    losses = F.cross_entropy(scores, ids[:, 1:].flatten(), reduction="none")
    weights = weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def state_dict(parameters: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """The weights under GPTBigCode's names; the unembedding is tied and stored once."""
    named = {f"transformer.{name}": parameters[name] for name in WHOLE}
    for name in (*MATRICES, *BIASES, *NORMS):
        for block in range(shape.n_blocks):
            named[f"transformer.h.{block}.{name}"] = parameters[name][block]
    return named
