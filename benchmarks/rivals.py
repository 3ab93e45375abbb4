"""The ways that the product is measured against: plain hooks, plain nnsight, TransformerLens."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor
from transformers import DynamicCache

from fimscope.inference.batch import Inputs
from fimscope.models.load import Model


@torch.inference_mode()
def forward(model: Model, inputs: Inputs) -> Tensor:
    """One plain forward with the logits of the last token."""
    arguments = inputs.forward_arguments()
    return model.network(**arguments, use_cache=False, logits_to_keep=1).logits


@torch.inference_mode()
def sweep_nnsight(
    model: Model, inputs: Inputs, donors: Tensor, points: Sequence[int], logits_to_keep: int
) -> list[Tensor]:
    """One nnsight trace for each point; logits_to_keep 0 makes them at all positions."""
    logits = []
    for point in points:
        with model.nnsight.trace(
            **inputs.forward_arguments(), use_cache=False, logits_to_keep=logits_to_keep
        ):
            model.residual(point)[:, -1] = donors[point]
            last = model.nnsight.output.logits[:, -1].save()
        logits.append(last)
    return logits


@torch.inference_mode()
def sweep_hooks(
    model: Model, inputs: Inputs, donors: Tensor, points: Sequence[int]
) -> list[Tensor]:
    """One plain forward with a hook for each point."""
    blocks = model.network.get_submodule(model.family.blocks)
    logits = []
    for point in points:

        def write(tensor: Tensor, point: int = point) -> None:
            tensor[:, -1] = donors[point]

        if point == 0:
            handle = blocks[0].register_forward_pre_hook(lambda _, args, w=write: w(args[0]))
        else:
            block = blocks[point - 1]
            handle = block.register_forward_hook(lambda _, __, output, w=write: w(output))
        logits.append(forward(model, inputs)[:, -1])
        handle.remove()
    return logits


@torch.inference_mode()
def collect_hooks(model: Model, inputs: Inputs) -> Tensor:
    """The last token's residual at every point by plain hooks."""
    found: list[Tensor] = []
    blocks = model.network.get_submodule(model.family.blocks)
    handles = [
        blocks[0].register_forward_pre_hook(lambda _, args: found.append(args[0][:, -1].clone()))
    ]
    handles += [
        block.register_forward_hook(lambda _, __, output: found.append(output[:, -1].clone()))
        for block in blocks
    ]
    forward(model, inputs)
    for handle in handles:
        handle.remove()
    return torch.stack(found)


def generate_alone(
    model: Model, prompt: Sequence[int], n_new: int, n_sequences: int, times: int
) -> None:
    """Samples by transformers' own generate: n_sequences at once, so many times."""
    ids = torch.tensor([list(prompt)], device=model.device)
    for _ in range(times):
        model.network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=0,
            num_return_sequences=n_sequences,
            max_new_tokens=n_new,
            min_new_tokens=n_new,
            pad_token_id=0,
        )


@torch.inference_mode()
def generate_repeated(model: Model, prompt: Sequence[int], n_new: int, n_sequences: int) -> None:
    """Samples by an expert's way: one prefill, its keys and values repeated for every sample."""
    ids = torch.tensor([list(prompt)], device=model.device)
    cache = DynamicCache()
    logits = model.network(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    cache.batch_repeat_interleave(n_sequences)
    logits = logits[:, -1].expand(n_sequences, -1)
    for n in range(n_new):
        tokens = torch.multinomial(logits.float().softmax(-1), 1)
        if n < n_new - 1:
            logits = model.network(tokens, past_key_values=cache, use_cache=True).logits[:, -1]


@torch.inference_mode()
def eager_last_rows(model: Model, inputs: Inputs) -> list[Tensor]:
    """The last token's attention by transformers' own patterns: n x n of every head of a block."""
    kernel = model.attention
    model.network.set_attn_implementation("eager")
    try:
        arguments = inputs.forward_arguments()
        found = model.network(
            **arguments, use_cache=False, logits_to_keep=1, output_attentions=True
        ).attentions
    finally:
        model.network.set_attn_implementation(kernel)
    return [weights[:, :, -1].clone() for weights in found]


def transformer_lens_sweep(
    model: Model, inputs: Inputs, donor_inputs: Inputs
) -> Callable[[Sequence[int]], Tensor] | None:
    """TransformerLens's own activation patching of the last token, for a GPT-2; None without it."""
    try:
        import pandas as pd
        from transformer_lens import patching
        from transformer_lens.model_bridge import TransformerBridge
    except ImportError:
        return None
    # It puts its own modules into the network that it is given.
    network = deepcopy(model.network)
    bridge = TransformerBridge.boot_transformers(
        "gpt2", hf_model=network, tokenizer=model.nnsight.tokenizer, device=str(model.device)
    )
    bridge.eval()
    with torch.inference_mode():
        _, cache = bridge.run_with_cache(donor_inputs.token_ids)

    @torch.inference_mode()
    def sweep(points: Sequence[int]) -> Tensor:
        last = inputs.token_ids.shape[1] - 1
        rows = pd.DataFrame({"layer": list(points), "pos": [last] * len(points)})
        return patching.generic_activation_patch(
            bridge,
            inputs.token_ids,
            cache,
            lambda logits: logits[:, -1, 0].sum(),
            patching.layer_pos_patch_setter,
            "resid_pre",
            index_df=rows,
        )

    return sweep
