"""What is read of a model at one prompt: its answer, the lens, where its last token looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fimscope.explorer.pieces import token_pieces
from fimscope.models.options import stop_ids
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.prompt import Prompt
from fimscope.snippets.snippet import HOLE

if TYPE_CHECKING:
    from fimscope.models.load import Model

N_TOP = 10
NEW_TOKENS = 16  # of the completed type
UNFINISHED = "\ufffd"  # what decoding gives for a part of a character
Candidates = list[tuple[str, float]]  # texts of tokens and their probabilities, best first


@dataclass(frozen=True)
class Lens:
    """What each point would say if the stream ended there; the last point is the model's answer.

    positions    name of a position and the text of its token, in the prompt's order; the last is
                 `last`, whose next token is the answer
    top          [point][position], the likeliest token and its probability
    probability  [point] float, of the token that is asked for, behind the last token
    rank         [point] int, of that token; 0 is first
    arrival      the point from which on the last point's own answer is first
    """

    positions: list[tuple[str, str]]
    top: list[list[tuple[str, float]]]
    probability: list[float]
    rank: list[int]
    arrival: int


@dataclass(frozen=True)
class Region:
    """What one part of a prompt gets of the last token's attention.

    share       mean over all heads, in 0..1; `of_tokens`: the part's share of the tokens
    head        block and head that look there most, and `most`, how much
    """

    name: str
    share: float
    of_tokens: float
    head: tuple[int, int]
    most: float


@dataclass(frozen=True)
class Attention:
    """Where the last token looks.

    weights   [block, head, token] float32; those of a head sum to 1
    kinds     [token], the kind of region that each token is in
    lines     [token], the line of the shown text where it starts, from 0; None of what the format
              adds
    """

    weights: NDArray[np.float32]
    kinds: list[str]
    lines: list[int | None]

    @property
    def of_token(self) -> NDArray[np.float32]:
        """[token], the mean over all heads."""
        return self.weights.mean((0, 1))

    @property
    def of_block(self) -> dict[str, NDArray[np.float32]]:
        """Of each kind of region that there is, [block]: the mean over the block's heads."""
        by_block = self.weights.mean(1)
        kinds = np.array(self.kinds)
        return {kind: by_block[:, kinds == kind].sum(1) for kind in dict.fromkeys(self.kinds)}

    def regions(self) -> list[Region]:
        """Every kind of region that there is, those that get most first."""
        found, kinds = [], np.array(self.kinds)
        for kind in dict.fromkeys(self.kinds):
            shares = self.weights[..., kinds == kind].sum(-1)
            block, number = np.unravel_index(int(shares.argmax()), shares.shape)
            head, of_tokens = (int(block), int(number)), float((kinds == kind).mean())
            found.append(Region(kind, float(shares.mean()), of_tokens, head, float(shares.max())))
        return sorted(found, key=lambda region: -region.share)

    def by_line(self) -> dict[int, float]:
        """Line -> its share, mean over all heads; what the format adds is in none."""
        found: dict[int, float] = {}
        for line, weight in zip(self.lines, self.of_token.tolist(), strict=True):
            if line is not None:
                found[line] = found.get(line, 0.0) + weight
        return found


@dataclass(frozen=True)
class Reading:
    """What a model says at one prompt, and what is read of its forward.

    text        of the prompt, <hole> where the hole is
    n_hidden    tokens of the program that the prompt does not show
    pieces      [token], the text of each token; together they spell the prompt
    answer      its likeliest first token, without spaces around it; `answer_id`, its id
    type        the first type that its completion spells, "" where it spells none
    top         the ten likeliest first tokens
    """

    text: str
    n_hidden: int
    token_ids: list[int]
    pieces: list[str]
    answer: str
    answer_id: int
    type: str
    top: Candidates
    lens: Lens
    attention: Attention

    @property
    def probability(self) -> float:
        """Of the answer."""
        return self.top[0][1]


def token_text(encoder: Encoder, token_id: int) -> str:
    """A token's text; where it ends within a character, as the tokenizer spells it."""
    text = encoder.decode([token_id])
    return encoder.token(token_id) if UNFINISHED in text else text


def read_prompt(
    model: "Model", encoder: Encoder, prompt: Prompt, asked: int | None = None
) -> tuple[Reading, str]:
    """All that is read of one forward, and the completion's text; its `type` is not yet known.

    asked   the token whose probability is read at every point; default: the answer
    """
    import torch

    from fimscope.inference.generate import answer_past
    from fimscope.inference.lens import lens_of
    from fimscope.inference.prefill import prefill

    positions = named_positions(prompt)
    columns = [index for _, index in positions]
    found = prefill(model, [prompt.token_ids], [columns], patterns=True)
    with torch.inference_mode():
        said = answer_past(model, found.past, found.hidden, [0], NEW_TOKENS, stop_ids(model), N_TOP)
        answer_id = int(said.top_ids[0, 0])
        wanted = torch.full((1, len(columns), 1), answer_id if asked is None else asked)
        lens = lens_of(model, found.residuals, found.residuals[-1], wanted, 1)
    pieces = token_pieces(encoder.decode, prompt.token_ids)
    kinds = [region.kind for region in prompt.regions for _ in range(region.start, region.end)]
    patterns = found.patterns[0].cpu()
    patterns = patterns / patterns.sum(-1, keepdim=True)  # in bfloat16 a sum is 1 to a half percent
    weights = patterns.unflatten(0, (model.n_blocks, model.n_heads)).numpy()
    probabilities = said.top_logprobs[0].exp().tolist()
    ids = said.top_ids[0].tolist()
    reading = Reading(
        text=prompt.text if HOLE in prompt.text else f"{prompt.text} {HOLE}",
        n_hidden=prompt.n_truncated,
        token_ids=list(prompt.token_ids),
        pieces=pieces,
        answer=token_text(encoder, answer_id).strip(),
        answer_id=answer_id,
        type="",
        top=[(token_text(encoder, i), p) for i, p in zip(ids, probabilities, strict=True)],
        lens=Lens(
            positions=[(name, pieces[index]) for name, index in positions],
            top=[
                [
                    (token_text(encoder, int(i)), float(p))
                    for i, p in zip(own_ids[:, 0], own_logprobs[:, 0].exp(), strict=True)
                ]
                for own_ids, own_logprobs in zip(
                    lens.top_ids[:, 0], lens.top_logprobs[:, 0], strict=True
                )
            ],
            probability=lens.logprob[:, 0, -1, 0].exp().tolist(),
            rank=lens.rank[:, 0, -1, 0].tolist(),
            arrival=from_when([rank == 0 for rank in lens.final_rank[:, 0, -1].tolist()]),
        ),
        attention=Attention(weights, kinds, lines_of(pieces, kinds)),
    )
    return reading, encoder.decode(said.completions[0].token_ids)


def named_positions(prompt: Prompt) -> list[tuple[str, int]]:
    """Name and token index of the prompt's positions, in its order, each token once, `last` last.

    Nothing stands before fim_prefix: it is the same in every prompt, and left out.
    """
    names = {
        index: name
        for name, index in prompt.positions.items()
        if name not in ("last", "fim_prefix")
    }
    last = prompt.positions["last"]
    return [(names[i], i) for i in sorted(names) if i != last] + [("last", last)]


def from_when(holds: Sequence[bool]) -> int | None:
    """The first place from which on something holds up to the end; None where not even there."""
    place = len(holds)
    while place and holds[place - 1]:
        place -= 1
    return place if place < len(holds) else None


def lines_of(pieces: Sequence[str], kinds: Sequence[str]) -> list[int | None]:
    """[token], the line where each token's text starts, its leading line breaks left out."""
    line, found = 0, list[int | None]()
    for piece, kind in zip(pieces, kinds, strict=True):
        n_leading = len(piece) - len(piece.lstrip())
        found.append(None if kind == "fim" else line + piece.count("\n", 0, n_leading))
        line += piece.count("\n")
    return found
