"""Several ways of asking one prompt, each run only from where it first differs from the others.

What a token leaves in the key-value cache depends on itself and on the tokens before it. So what a
branch has in common with its trunk is run once for all branches of that trunk, and each branch goes
on from there in a row of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds
from fimscope.inference.forward import run_plain
from fimscope.inference.generate import Answers, answer_past
from fimscope.inference.kv_cache import Past, block_masks, past_of
from fimscope.interventions.knockout import check_hidden, check_readers
from fimscope.models.load import Model


@dataclass(frozen=True)
class Branch:
    """A prompt, and which of its tokens are hidden from which others.

    trunk      the number of the prompt that it shares its first tokens with
    token_ids  of the whole branch
    hidden     indices of its hidden tokens
    readers    from whom they are hidden, see `knockout.answer_without`
    """

    trunk: int
    token_ids: TokenIds
    hidden: Collection[int] = ()
    readers: str = "later"


@dataclass(frozen=True)
class _Ends:
    """What branches of one pass do not have from their trunks, padded on the left.

    token_ids, positions  [branch, token] int64
    is_there              [branch, token] bool, where there is a token
    """

    token_ids: Tensor
    positions: Tensor
    is_there: Tensor


@torch.inference_mode()
def answer_branches(
    model: Model,
    trunks: Sequence[TokenIds],
    branches: Sequence[Branch],
    gold_ids: Sequence[int],
    max_new_tokens: int,
    stop_ids: Collection[int],
    n_top: int = 10,
) -> Answers:
    """As `generate.answer`, or where tokens are hidden `knockout.answer_without`, of every branch.

    trunks    prompts, of which any beginning may be shared; those of one call go through the model
              together, and no later pass holds more tokens than they do, but for a branch alone
    gold_ids  [branch], the token whose rank is asked for
    raises    MisalignedError where there is not one gold for each branch, or where a hidden token
              is the last or one that the branch lacks; UserError for other readers

    Exact: tested against those two, which run every branch whole.
    """
    if len(gold_ids) != len(branches):
        raise MisalignedError(f"{len(gold_ids)} gold token ids for {len(branches)} branches")
    starts = [first_own(trunks[branch.trunk], branch) for branch in branches]
    n_shared = [0] * len(trunks)
    for branch, start in zip(branches, starts, strict=True):
        n_shared[branch.trunk] = max(n_shared[branch.trunk], start)
    past = past_of(model, [ids[:n] for ids, n in zip(trunks, n_shared, strict=True)])
    lengths = [len(branch.token_ids) for branch in branches]
    order: list[int] = []
    found: list[Answers] = []
    for chosen in plan_passes(starts, lengths, len(trunks) * max(map(len, trunks))):
        own, hidden = _run_ends(
            model, past, [branches[row] for row in chosen], [starts[row] for row in chosen]
        )
        golds = [gold_ids[row] for row in chosen]
        found.append(answer_past(model, own, hidden, golds, max_new_tokens, stop_ids, n_top))
        order += chosen
    return _in_order(found, order)


def first_own(trunk: TokenIds, branch: Branch) -> int:
    """The first token of a branch that its trunk does not have or that reads less there.

    The last token always is one.
    raises MisalignedError, UserError as `answer_branches`
    """
    check_readers(branch.readers)
    check_hidden(branch.token_ids, branch.hidden, f"a branch of prompt {branch.trunk}")
    last = len(branch.token_ids) - 1
    pairs = enumerate(zip(trunk, branch.token_ids, strict=False))
    shared = next((i for i, (one, other) in pairs if one != other), len(trunk))
    if branch.hidden and branch.readers == "later":
        hidden = set(branch.hidden)
        shared = min(shared, next(i for i in range(min(hidden), last + 1) if i not in hidden))
    return min(shared, last)


def plan_passes(starts: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Row numbers in passes of like own length, longest first.

    budget   padded tokens of a pass, what is shared included; a row beyond it is alone
    """
    passes: list[list[int]] = []
    widest = 0
    for row in sorted(range(len(starts)), key=lambda row: (starts[row] - lengths[row], row)):
        first = passes[-1][0] if passes else row
        widest = max(widest, starts[row])
        if passes and (len(passes[-1]) + 1) * (widest + lengths[first] - starts[first]) <= budget:
            passes[-1].append(row)
        else:
            passes.append([row])
            widest = starts[row]
    return passes


def _run_ends(
    model: Model, past: Past, branches: Sequence[Branch], starts: Sequence[int]
) -> tuple[Past, Tensor]:
    """The past of whole branches, and what leaves the final norm at their last tokens."""
    shared = _shared_past(past, [branch.trunk for branch in branches], starts)
    ends = _ends_of(model, branches, starts)
    positions = torch.cat([shared.positions, ends.positions], dim=1)
    is_there = torch.cat([shared.mask, ends.is_there], dim=1)
    flags = _hidden_tokens(model, branches)
    # What the trunk has behind the branch's own first token is not there, whatever its flag.
    is_hidden = flags.gather(1, positions.clamp(max=flags.shape[1] - 1))
    seen = _seen(branches, ends, positions, is_there, is_hidden)
    normed = run_plain(
        model,
        {
            "input_ids": ends.token_ids,
            "position_ids": ends.positions,
            "attention_mask": block_masks(model, seen, ends.positions, positions),
            "past_key_values": shared.key_values,
            "use_cache": True,
        },
    )
    return Past(shared.key_values, is_there & ~is_hidden, positions), normed[:, -1]


def _shared_past(past: Past, trunks: Sequence[int], starts: Sequence[int]) -> Past:
    """Of each branch what it has from its trunk: the tokens before its own first."""
    rows = torch.tensor(trunks, device=past.mask.device)
    before = torch.tensor(starts, device=past.mask.device)[:, None]
    mask, positions = past.mask[rows], past.positions[rows]
    mask = mask & (positions < before)
    columns = mask.any(0).nonzero()
    kept = slice(int(columns.min()), int(columns.max()) + 1) if len(columns) else slice(0, 0)
    key_values = DynamicCache()
    for index, layer in enumerate(past.key_values.layers):
        own = rows.to(layer.keys.device)
        key_values.update(layer.keys[own, :, kept], layer.values[own, :, kept], index)
    return Past(key_values, mask[:, kept], positions[:, kept])


def _ends_of(model: Model, branches: Sequence[Branch], starts: Sequence[int]) -> _Ends:
    ends = [list(branch.token_ids[start:]) for branch, start in zip(branches, starts, strict=True)]
    width = max(map(len, ends))
    token_ids = torch.tensor([[model.pad_id] * (width - len(end)) + end for end in ends])
    first = torch.tensor([[width - len(end)] for end in ends])
    positions = torch.arange(width) - first + torch.tensor(starts)[:, None]
    is_there = torch.arange(width) >= first
    own = (token_ids, positions.clamp(min=0), is_there)
    return _Ends(*(tensor.to(model.device) for tensor in own))


def _hidden_tokens(model: Model, branches: Sequence[Branch]) -> Tensor:
    """[branch, token] bool, by the tokens' indices in their branches."""
    width = max(len(branch.token_ids) for branch in branches)
    is_hidden = torch.zeros(len(branches), width, dtype=torch.bool)
    for row, branch in enumerate(branches):
        is_hidden[row, list(branch.hidden)] = True
    return is_hidden.to(model.device)


def _seen(
    branches: Sequence[Branch], ends: _Ends, positions: Tensor, is_there: Tensor, is_hidden: Tensor
) -> Tensor:
    """[branch, own token, token] bool, what each attends to."""
    width = ends.positions.shape[1]
    device = positions.device
    of_last = torch.tensor([branch.readers == "last" for branch in branches], device=device)
    is_last = torch.arange(width, device=device) == width - 1
    is_blind = torch.where(of_last[:, None], is_last, ~is_hidden[:, -width:])
    seen = is_there[:, None] & (positions[:, None] <= ends.positions[:, :, None])
    seen &= ~(is_blind[:, :, None] & is_hidden[:, None])
    # A row of padding sees itself: with nothing to see its values would not be numbers.
    seen[:, :, -width:] |= torch.eye(width, dtype=torch.bool, device=device)
    return seen


def _in_order(found: Sequence[Answers], order: Sequence[int]) -> Answers:
    """The answers of several passes as one; `order` says which row each of them is."""
    places = torch.tensor(order).argsort()
    names = ("top_ids", "top_logprobs", "gold_rank", "gold_logprob")
    tensors = {name: torch.cat([getattr(own, name) for own in found])[places] for name in names}
    completions = [completion for own in found for completion in own.completions]
    return Answers(**tensors, completions=[completions[place] for place in places.tolist()])
