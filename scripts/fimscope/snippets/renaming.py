"""What other names do to a model's answer, and which of its insides brings the answer back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimscope.inference.batching import plan_batches
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.prompt import Prompt
from fimscope.snippets.readings import Reading, from_when, token_text
from fimscope.snippets.snippet import Snippet

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

N_RANDOM = 8
SEED = 0
LEAST_GAP = 0.5  # logits between donor and recipient for an effect, as patch.min_gap of a study
BATCH_TOKENS = 4096  # padded, at most


@dataclass(frozen=True)
class Draw:
    """The snippet with some of its names changed, and what the model says then.

    names        old name -> new name
    answer       the likeliest first token
    probability  of the answer to the snippet as it was given
    """

    names: dict[str, str]
    answer: str
    probability: float
    changed: bool


@dataclass(frozen=True)
class OfName:
    """What renaming one name alone does, over several draws of a new name."""

    name: str
    n_draws: int
    n_changed: int
    probability: float  # of the original's answer, mean over the draws


@dataclass(frozen=True)
class Patch:
    """The renamed prompt's last token takes the original's residual, at one point at a time.

    effect       [point], on the logit of the original's answer minus that of the renamed one's: 0
                 is the renamed prompt's own, 1 the original's; None where the two are nearer than
                 half a logit
    answer       [point], the likeliest token then
    random       [point], with how many of N_RANDOM random vectors, as long as the residual, the
                 original's answer is the first
    half, back   the point from which on the effect is a half or more, and that from which on the
                 original's answer is first; None where it never is
    """

    effect: list[float | None]
    answer: list[str]
    random: list[int]
    half: int | None
    back: int | None


@dataclass(frozen=True)
class Renaming:
    """The snippet with other names.

    draws    all names changed, in one way each
    alone    one name changed, those that change the answer most often first; names are drawn, and
             of many some are in no draw
    names    old name -> new name, of the draw that `reading` and `patch` are of: the first that
             changes the answer, else the first
    patch    None where no draw changes the answer: there is nothing to bring back
    """

    draws: list[Draw]
    alone: list[OfName]
    names: dict[str, str]
    reading: Reading
    patch: Patch | None


def ask_draws(
    model: "Model",
    encoder: Encoder,
    original: Reading,
    variants: Sequence[Snippet],
    prompts: Sequence[Prompt],
) -> list[Draw]:
    """What the model says to each variant, in their order."""
    from fimscope.inference.generate import answer

    draws: dict[int, Draw] = {}
    for rows in plan_batches([len(prompt.token_ids) for prompt in prompts], BATCH_TOKENS):
        golds = [original.answer_id] * len(rows)
        said = answer(model, [prompts[row].token_ids for row in rows], golds, 0, [])
        for place, row in enumerate(rows):
            first = int(said.top_ids[place, 0])
            draws[row] = Draw(
                dict(variants[row].names),
                token_text(encoder, first).strip(),
                float(said.gold_logprob[place].exp()),
                first != original.answer_id,
            )
    return [draws[row] for row in range(len(prompts))]


def by_name(draws: Sequence[Draw]) -> list[OfName]:
    """Draws of one name each, name by name."""
    groups: dict[str, list[Draw]] = {}
    for draw in draws:
        groups.setdefault(" ".join(draw.names), []).append(draw)
    found = [
        OfName(
            name,
            len(own),
            sum(draw.changed for draw in own),
            sum(draw.probability for draw in own) / len(own),
        )
        for name, own in groups.items()
    ]
    return sorted(found, key=lambda each: (-each.n_changed / each.n_draws, each.probability))


def patch_last(model: "Model", encoder: Encoder, original: Reading, variant: Reading) -> Patch:
    """The original's last token into the variant's, at every point, beside random vectors."""
    import torch

    from fimscope.inference.residuals import collect
    from fimscope.interventions.sweep import sweep_last

    points = list(range(model.n_points))
    donor = collect(model, [original.token_ids], [[-1]], points)[:, 0]
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(len(points), N_RANDOM, model.d_model, generator=generator)
    scale = donor.float().norm(dim=-1, keepdim=True) / noise.norm(dim=-1, keepdim=True)
    donors = torch.cat([donor, (noise * scale).to(donor.dtype)], dim=1)
    wanted = torch.tensor([[original.answer_id, variant.answer_id]])
    swept = sweep_last(model, [variant.token_ids], donors[:, None], wanted)
    difference = _difference(swept.patched.logits[:, 0, 0])
    before = float(_difference(swept.baseline.logits)[0])
    # What leaves the last point is all that the original answers from.
    gap = float(difference[-1]) - before
    is_small = abs(gap) < LEAST_GAP
    effect = [None if is_small else (float(value) - before) / gap for value in difference]
    answers = swept.patched.top_ids[:, 0]  # [point, donor]
    is_original = answers == original.answer_id
    return Patch(
        effect=effect,
        answer=[token_text(encoder, token).strip() for token in answers[:, 0].tolist()],
        random=is_original[:, 1:].sum(1).tolist(),
        half=from_when([value is not None and value >= 0.5 for value in effect]),
        back=from_when(is_original[:, 0].tolist()),
    )


def _difference(logits: "Tensor") -> "Tensor":
    """Original's answer minus renamed one's."""
    return logits[..., 0] - logits[..., 1]
