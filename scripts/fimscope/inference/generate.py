"""Answers of a model: the ranks of the next token, and its own continuation of the prompt."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.forward import Forward, run_plain
from fimscope.inference.kv_cache import Past, fill_past, packed_masks
from fimscope.inference.readout import first_best, rank_of, top_of, unembed_normed
from fimscope.models.load import Model

# On a GPU, whether all rows have stopped is asked once in so many tokens: asking waits for it.
TOKENS_BETWEEN_STOP_CHECKS = 8
NOTHING = -1  # in the place of a token that has no room
# (prompt number, tokens behind it) of some -> whether each is at its end.
HasEnded = Callable[[Sequence[tuple[int, TokenIds]]], Sequence[bool]]


@dataclass(frozen=True)
class Completion:
    """token_ids are those before the stop token; stopped says whether one came at all.

    Of `complete`, and of samples that are asked whether they have ended, those up to that end, and
    whether it came.
    """

    token_ids: list[int]
    stopped: bool


@dataclass(frozen=True)
class Answers:
    """What a model says after each prompt; tensors on the CPU.

    top_ids       [example, top] int64, best first
    top_logprobs  [example, top] float32, natural logarithm
    gold_rank     [example] int64, 0 is first; of equal tokens the lower id comes first
    gold_logprob  [example] float32
    completions   one an example
    """

    top_ids: Tensor
    top_logprobs: Tensor
    gold_rank: Tensor
    gold_logprob: Tensor
    completions: list[Completion]


@torch.inference_mode()
def answer(
    model: Model,
    prompts: Sequence[TokenIds],
    gold_ids: Sequence[int],
    max_new_tokens: int,
    stop_ids: Collection[int],
    n_top: int = 10,
) -> Answers:
    """The next token's ranks and the greedy completion of each prompt, from one prefill.

    gold_ids        [example], the token whose rank is asked for
    max_new_tokens  0: no completion
    stop_ids        tokens that end a completion
    raises          MisalignedError where there is not one gold for each prompt
    """
    if len(gold_ids) != len(prompts):
        raise MisalignedError(f"{len(gold_ids)} gold token ids for {len(prompts)} prompts")
    past, hidden = fill_past(model, pad_batch(model, prompts))
    return answer_past(model, past, hidden, gold_ids, max_new_tokens, stop_ids, n_top)


def answer_past(
    model: Model,
    past: Past,
    hidden: Tensor,
    gold_ids: Sequence[int],
    max_new_tokens: int,
    stop_ids: Collection[int],
    n_top: int = 10,
) -> Answers:
    """As `answer`, of prompts that have been run.

    past, hidden   as `fill_past` gives them
    """
    logits = unembed_normed(model, hidden)
    logprobs = logits.log_softmax(-1)
    gold = torch.tensor(list(gold_ids), device=model.device)
    top_ids, top_logprobs = top_of(logprobs, min(n_top, model.vocab_size))
    tokens = continue_past(model, past, logits[:, None], first_best, max_new_tokens, stop_ids)
    return Answers(
        top_ids=top_ids.cpu(),
        top_logprobs=top_logprobs.cpu(),
        gold_rank=rank_of(logits, gold).cpu(),
        gold_logprob=logprobs.gather(-1, gold[:, None])[:, 0].cpu(),
        completions=[completion for (completion,) in cut_at_stops(tokens, stop_ids)],
    )


@torch.inference_mode()
def complete(
    model: Model,
    prompts: Sequence[TokenIds],
    max_new_tokens: int,
    stop_ids: Collection[int],
    has_ended: HasEnded,
) -> list[Completion]:
    """The greedy completion of each prompt, up to a stop token or to where it has ended.

    has_ended   is asked of every beginning of a completion, the shortest first, until one has; that
                one is the completion, whatever others of the batch go on
    """
    past, hidden = fill_past(model, pad_batch(model, prompts))
    logits = unembed_normed(model, hidden)[:, None]
    ends = _Ends(has_ended, stop_ids)
    tokens = continue_past(
        model, past, logits, first_best, max_new_tokens, stop_ids, are_over=ends.look
    )
    return [
        cut_at_end(own, ends.lengths.get(row))
        for row, (own,) in enumerate(cut_at_stops(tokens, stop_ids))
    ]


def cut_at_end(completion: Completion, end: int | None) -> Completion:
    """A completion up to where it has ended, which is known and within the window, or not so."""
    if end is None or end > len(completion.token_ids):
        return completion
    return Completion(completion.token_ids[:end], True)


@dataclass
class _Ends:
    """Where completions have ended, row -> its number of tokens, as far as has been looked."""

    has_ended: HasEnded
    stop_ids: Collection[int]
    lengths: dict[int, int] = field(default_factory=dict)
    n_seen: int = 0

    def look(self, tokens: Tensor) -> Tensor:
        """Which rows have ended, [example, 1] bool; tokens [example, 1, token] of all so far."""
        rows = [_cut(own, self.stop_ids).token_ids for own in tokens[:, 0].tolist()]
        asked = [
            (row, own[:length])
            for row, own in enumerate(rows)
            if row not in self.lengths
            for length in range(self.n_seen + 1, len(own) + 1)
        ]
        for (row, own), is_end in zip(asked, self.has_ended(asked), strict=True):
            if is_end:
                self.lengths.setdefault(row, len(own))
        self.n_seen = tokens.shape[2]
        return torch.tensor([[row in self.lengths] for row in range(len(rows))])


def continue_past(
    model: Model,
    past: Past,
    logits: Tensor,
    choose: Callable[[Tensor], Tensor],
    max_new_tokens: int,
    stop_ids: Collection[int],
    forward: Forward = run_plain,
    are_over: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Continue each row of a past, in one or several ways at once, until all have stopped.

    logits   [example, copy, vocab], of the token that comes next; copies of an example share its
             past, and each sees its own tokens alone
    choose   logits [example, copy, vocab] -> token ids [example, copy]
    forward  runs the new tokens, [example, copy] at a time
    are_over  token ids [example, copy, token] of all so far, on the CPU -> [example, copy] bool,
             which need go no further; asked whenever all may have stopped
    returns  token ids [example, copy, token] on the CPU, stop tokens and what follows them
             included; NOTHING beyond the model's window

    The past's keys and values grow with what is generated.
    """
    n_copies = logits.shape[1]
    following = past.positions[:, -1:] + 1
    copy = torch.arange(n_copies, device=model.device)
    stops = torch.tensor(sorted(stop_ids), dtype=torch.long, device=model.device)
    stopped = torch.zeros(logits.shape[:2], dtype=torch.bool, device=model.device)
    every = 1 if model.device.type == "cpu" else TOKENS_BETWEEN_STOP_CHECKS
    room = past.room(model)[:, None]
    most = min(max_new_tokens, int(room.max()))
    chosen: list[Tensor] = []
    for n_new in range(1, most + 1):
        chosen.append(choose(logits))
        stopped = stopped | torch.isin(chosen[-1], stops) | (room <= n_new)
        if n_new == most or n_new % every == 0:
            if are_over is not None:
                stopped = stopped | are_over(torch.stack(chosen, dim=2).cpu()).to(model.device)
            if n_new == most or bool(stopped.all()):
                break
        keys = following + torch.arange(n_new, device=model.device).repeat_interleave(n_copies)
        keys = keys.clamp(max=model.max_tokens - 1)  # beyond, the row has stopped
        queries = keys[:, -n_copies:]
        own = copy[:, None] == copy.repeat(n_new)
        hidden = forward(
            model,
            {
                "input_ids": chosen[-1],
                "position_ids": queries,
                "attention_mask": packed_masks(model, past, past.mask, own, queries, keys),
                "past_key_values": past.key_values,
                "use_cache": True,
            },
        )
        logits = unembed_normed(model, hidden)
    empty = torch.empty(*logits.shape[:2], 0, dtype=torch.long)
    return within_window(torch.stack(chosen, dim=2).cpu(), room[:, 0].cpu()) if chosen else empty


def within_window(tokens: Tensor, room: Tensor) -> Tensor:
    """Token ids [example, copy, token], NOTHING in place of those beyond each example's room."""
    return tokens.masked_fill(torch.arange(tokens.shape[2]) >= room[:, None, None], NOTHING)


def cut_at_stops(tokens: Tensor, stop_ids: Collection[int]) -> list[list[Completion]]:
    """Token ids [example, copy, token] as completions [example][copy], each up to its stop."""
    return [[_cut(copy, stop_ids) for copy in copies] for copies in tokens.tolist()]


def _cut(token_ids: list[int], stop_ids: Collection[int]) -> Completion:
    for index, token_id in enumerate(token_ids):
        if token_id in stop_ids or token_id == NOTHING:
            return Completion(token_ids[:index], token_id != NOTHING)
    return Completion(token_ids, False)
