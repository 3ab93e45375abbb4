"""Paths from tokens through single heads to the last token, against plain hooks."""

import pytest
import torch

from fimscope.errors import MisalignedError
from fimscope.inference.places import head, key, value
from fimscope.interventions.head_paths import patch_head_paths
from fimscope.models.projections import projection_of
from hooks import where
from models import alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model

# Keys of one head, of some and of all; joined, separate and head by head; parallel; scores capped.
NAMES = ("gpt_bigcode", "gpt2", "qwen2", "phi3", "gpt_neox", "gemma2")
TOKENS, PAIR = [1, 3], (4, 9)


def hooked(model, prompt, touches):
    """Logits of a prompt's last token, with hooks of (module, side, function)."""
    handles = []
    for module, side, touch in touches:
        if side == "input":
            handles.append(
                module.register_forward_pre_hook(lambda _, args, t=touch: (t(args[0]), *args[1:]))
            )
        else:
            handles.append(module.register_forward_hook(lambda _, __, out, t=touch: t(out)))
    try:
        return alone_logits(model.network, prompt)[-1]
    finally:
        for handle in handles:
            handle.remove()


def slow_path(model, prompt, corrupted, block, index):
    """By hand: two runs with hooks on the projections and on the output projection's input."""
    places = [
        kind(block, i)
        for kind, name in ((key, "key"), (value, "value"))
        for i in range(projection_of(model, block, name).n_heads)
    ]
    seen = {}

    def keep(place, first):
        def touch(out):
            seen[place] = out[0, TOKENS, first : first + model.d_head].clone()
            return out

        return touch

    def put(place, first):
        def touch(out):
            out = out.clone()
            out[0, TOKENS, first : first + model.d_head] = seen[place]
            return out

        return touch

    spots = {place: where(model, place) for place in places}
    hooked(model, corrupted, [(m, side, keep(p, first)) for p, (m, side, first) in spots.items()])
    mixer, side, first = where(model, head(block, index))
    mixed = {}

    def read(taken):
        mixed["x"] = taken[0, -1, first : first + model.d_head].clone()
        return taken

    def write(taken):
        taken = taken.clone()
        taken[0, -1, first : first + model.d_head] = mixed["x"]
        return taken

    patches = [(m, own_side, put(p, start)) for p, (m, own_side, start) in spots.items()]
    hooked(model, prompt, [*patches, (mixer, side, read)])
    logits = hooked(model, prompt, [(mixer, side, write)])
    return logits[PAIR[0]] - logits[PAIR[1]]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_two_plain_runs(name):
    model = random_model(name)
    prompt, corrupted = random_prompts((9,))[0], random_prompts((9,), 1)[0]
    found = patch_head_paths(model, prompt, corrupted, TOKENS, [0, 2], PAIR)
    for tokens, given in ((prompt, found.difference), (corrupted, found.corrupted)):
        logits = alone_logits(model.network, tokens)[-1]
        plain = logits[PAIR[0]] - logits[PAIR[1]]
        torch.testing.assert_close(given[0], plain, atol=1e-4, rtol=1e-4)
    for i, (block, index) in enumerate([(0, 1), (2, 3)]):
        slow = slow_path(model, prompt, corrupted, block, index)
        place = i * model.n_heads + index
        torch.testing.assert_close(found.patched[place], slow, atol=1e-4, rtol=1e-4)
    assert (found.patched - found.difference).abs().max() > 1e-2


def test_tokens_that_are_alike_carry_nothing():
    model, [prompt] = random_model("gpt2"), random_prompts((9,))
    corrupted = [*prompt[:4], 7, *prompt[5:]]
    found = patch_head_paths(model, prompt, corrupted, [1, 3], [0, 1, 2], PAIR)
    same = found.difference.expand(len(found.patched))
    torch.testing.assert_close(found.patched, same, atol=1e-4, rtol=1e-4)


def test_prompts_of_two_lengths_are_refused():
    with pytest.raises(MisalignedError, match="of 9 tokens and one of 8"):
        prompt = random_prompts((9,))[0]
        patch_head_paths(random_model("gpt2"), prompt, prompt[1:], [1], [0], PAIR)
