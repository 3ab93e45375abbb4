"""Paths from some tokens through one head to the last token, patched one head at a time.

Path patching (Wang et al. 2211.00593) in two runs. In the first, the keys and values of one block
at some tokens are another run's, and what its heads mix at the last token is read; nothing else of
the block has changed. In the second, one head's mix at the last token is what was read, and all
that follows is run on: the path from those tokens through this head to the last token, and
whatever comes of it there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds
from fimscope.inference.places import Place, head, key, value
from fimscope.interventions.activations import Activations
from fimscope.interventions.session import Batch
from fimscope.models.load import Model
from fimscope.models.projections import projection_of


@dataclass(frozen=True)
class HeadPaths:
    """Logits of the target minus the foil's, on the CPU, float32.

    difference  [1], of the prompt's own run
    corrupted   [1], of the corrupted run
    patched     [path], block by block each head, of the run in which this path is patched
    """

    difference: Tensor
    corrupted: Tensor
    patched: Tensor


def patch_head_paths(
    model: Model,
    prompt: TokenIds,
    corrupted: TokenIds,
    tokens: Sequence[int],
    blocks: Sequence[int],
    token_ids: tuple[int, int],
) -> HeadPaths:
    """What each path from some of a prompt's tokens does to the difference of two logits.

    corrupted   whose keys and values the tokens take; as many tokens as the prompt
    tokens      token indices, at least one
    token_ids   target and foil
    raises      MisalignedError where the two prompts differ in length
    """
    if len(prompt) != len(corrupted):
        raise MisalignedError(f"a prompt of {len(prompt)} tokens and one of {len(corrupted)}")
    own, positions = Batch(model, [prompt]), list(tokens)
    read_there = {block: _keys_and_values(model, block) for block in blocks}
    asked = [place for places in read_there.values() for place in places]
    donors = Batch(model, [corrupted]).collect(positions, asked)
    mixed: dict[Place, Tensor] = {}
    for block, places in read_there.items():
        heads = [head(block, index) for index in range(model.n_heads)]
        mixed |= own.patch(donors, positions, places).collect("last", heads).values
    paths = Activations(own.prompts, ["last"], mixed, own.logits)
    swept = own.sweep(paths, "last", [token_ids], list(mixed))
    found = swept.baseline.logits, donors.logits[:, list(token_ids)], swept.patched.logits[:, 0, 0]
    return HeadPaths(*((logits[:, 0] - logits[:, 1]).cpu() for logits in found))


def _keys_and_values(model: Model, block: int) -> list[Place]:
    n_heads = projection_of(model, block, "key").n_heads
    return [kind(block, index) for kind in (key, value) for index in range(n_heads)]
