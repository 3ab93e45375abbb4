"""Floating-point operations that a forward cannot do without, by its shapes alone."""

from fimscope.models.load import Model


def block_weights(model: Model) -> int:
    """Numbers in the matrices of all blocks."""
    blocks = model.network.get_submodule(model.family.blocks)
    return sum(weight.numel() for weight in blocks.parameters() if weight.ndim > 1)


def forward_flops(model: Model, n_tokens: int, n_examples: int) -> float:
    """Of one forward with the logits of the last token: matrices, causal attention, unembedding."""
    pairs = n_tokens * (n_tokens + 1) / 2
    return n_examples * (
        2 * n_tokens * block_weights(model)
        + 4 * pairs * model.n_heads * model.d_head * model.n_blocks
        + 2 * model.d_model * model.vocab_size
    )


def sweep_flops(
    model: Model, n_tokens: int, n_examples: int, n_columns: int = 1, n_logits: int = 1
) -> float:
    """Of a sweep of the last token over all points; patched at point k it needs blocks k.. only.

    n_columns   tokens of a copy: the prompt's last, and those of answers behind it
    n_logits    of how many tokens a copy has logits made

    All copies read the same past.
    """
    copies_of_blocks = model.n_blocks * (model.n_blocks + 1) / 2
    per_block = block_weights(model) / model.n_blocks
    attention = 4 * n_tokens * model.n_heads * model.d_head
    return forward_flops(model, n_tokens, n_examples) + n_examples * (
        copies_of_blocks * n_columns * (2 * per_block + attention)
        + 2 * model.n_points * n_logits * model.d_model * model.vocab_size
    )
