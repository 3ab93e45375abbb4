"""Whether a network is read rightly: its logits, and the places that are read and patched.

Asked of two short prompts of random tokens, in the dtype and with the attention of the study.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from fimscope.errors import UserError
from fimscope.inference.attention import attention_patterns
from fimscope.inference.batch import pad_batch
from fimscope.inference.kv_cache import fill_past
from fimscope.inference.places import activation, attention_output, mlp_output, residual
from fimscope.inference.readout import check_finite, unembed, unembed_normed
from fimscope.inference.residuals import collect
from fimscope.models.load import Model
from fimscope.models.structure import adds_up

LENGTHS = (8, 3)
# The largest difference of two logits that are one, in units of their spread.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.25, torch.float16: 0.05}


@torch.inference_mode()
def check_network(model: Model) -> list[tuple[str, str]]:
    """Logits and places against the bare network, one prompt at a time: a row for each check.

    raises UserError, one sentence of what is wrong and what to do
    """
    generator = torch.Generator().manual_seed(0)
    prompts = [
        torch.randint(model.vocab_size, (min(n, model.max_tokens),), generator=generator).tolist()
        for n in LENGTHS
    ]
    alone = torch.stack([_bare_logits(model, prompt) for prompt in prompts])
    _, hidden = fill_past(model, pad_batch(model, prompts))
    last = collect(model, prompts, [[-1]] * len(prompts), [model.n_blocks])[0, :, 0]
    own = [model.network.base_model(**_inputs(model, each)).last_hidden_state for each in prompts]
    unembedded = torch.stack([unembed_normed(model, each[0, -1]) for each in own])
    check_finite(alone)
    if not bool(hidden.isfinite().all()):
        raise UserError(
            "a prompt that is padded on the left has no finite logits, and alone it has; take "
            "model.attention: sdpa, or model.dtype: bfloat16 or float32"
        )
    return [
        ("logits", f"finite, in {str(model.dtype).removeprefix('torch.')}"),
        _same("unembedding", unembedded, alone, model, "as the network's own", "are scaled"),
        _same(
            "points",
            unembed(model, last.to(model.device)),
            alone,
            model,
            "the last one gives the model's own answer",
            "are not what its blocks and final norm give",
        ),
        _same(
            "batches",
            unembed_normed(model, hidden),
            alone,
            model,
            "padded on the left as alone",
            "change with padding on the left",
        ),
        _parts_add_up(model, prompts[0]),
        _attention_is_seen(model, prompts),
    ]


def _parts_add_up(model: Model, prompt: Sequence[int]) -> tuple[str, str]:
    """That every point is the one before it, and what the block's attention and MLP give."""
    places = [residual(0)]
    for block in range(model.n_blocks):
        places += [attention_output(block), mlp_output(block), residual(block + 1)]
    with model.nnsight.trace(**pad_batch(model, [prompt]).forward_arguments(), use_cache=False):
        given = torch.stack([activation(model, each)[0].to(model.device) for each in places]).save()
    for block in range(model.n_blocks):
        *parts, after = given[3 * block : 3 * block + 4]
        if not adds_up(parts, after):
            raise UserError(
                f"{model.config.model_type}: block {block} adds something else to the residual "
                "stream than its attention and its MLP give; the family is not read rightly, take "
                "another model"
            )
    return "blocks", "each point is the one before it, plus attention and MLP"


def _attention_is_seen(model: Model, prompts: Sequence[Sequence[int]]) -> tuple[str, str]:
    heads = [(block, 0) for block in range(model.n_blocks)]
    patterns = attention_patterns(model, prompts, [[-1]] * len(prompts), heads)
    # In roundings of a share: a row is rounded number by number.
    limit = max(map(len, prompts)) * torch.finfo(model.dtype).eps
    apart = max((each.float().sum(-1) - 1).abs().max().item() for each in patterns)
    if not apart <= limit:
        raise UserError(
            f"{model.config.model_type}: the attention of a token sums to 1 but for {apart:.2g}; "
            "the family is not read rightly, take another model"
        )
    return "attention", "a token's attention sums to 1 in every block"


def _inputs(model: Model, prompt: Sequence[int]) -> dict[str, Tensor]:
    return {"input_ids": torch.tensor([list(prompt)], device=model.device), "use_cache": False}


def _bare_logits(model: Model, prompt: Sequence[int]) -> Tensor:
    return model.network(**_inputs(model, prompt)).logits[0, -1].float().to(model.device)


def _same(
    what: str, found: Tensor, expected: Tensor, model: Model, good: str, bad: str
) -> tuple[str, str]:
    difference = ((found - expected).abs().max() / expected.std()).item()
    if not difference <= TOLERANCE[model.dtype]:
        raise UserError(
            f"{model.config.model_type}: the network's logits {bad}: they differ from those read "
            f"here by {difference:.2g} of their spread; the family is not read rightly, take "
            "another model"
        )
    return what, f"{good}: at most {difference:.0e} of the logits' spread apart"
