"""Doses: which vector goes into which example at which strength, and what the model then says."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.prompts.encoder import Encoder
from fimscope.steps import Progress
from fimscope.vectors import VectorSet

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

Row = Mapping[str, Any]
Window = tuple[int, ...]

# Tried at every point and strength of `select`: a setting is chosen for each of them.
CHOSEN_KINDS = ("mean_difference", "gold_type")


@dataclass(frozen=True)
class Dose:
    """A vector and its strength, in units of the residual's mean norm at each point."""

    kind: str
    vector: str
    strength: float


NOTHING = Dose("none", "none", 0.0)


def windows_of(n_points: int, width: int) -> list[Window]:
    """Every point alone, then every run of `width` adjacent points, from the first on."""
    single = [(point,) for point in range(n_points)]
    if not 1 < width <= n_points:
        return single
    return single + [tuple(range(p, p + width)) for p in range(n_points - width + 1)]


def doses_of_kinds(
    vectors: VectorSet, gold: str, kinds: Sequence[str], strengths: Sequence[float]
) -> list[Dose]:
    """Each kind's vector for a gold type at each strength; a kind without a vector is left out."""
    found = []
    for kind in kinds:
        vector = vectors.for_gold(kind, gold)
        if vector is not None:
            found += [Dose(kind, vector.name, strength) for strength in strengths]
    return found


def doses_of_all(vectors: VectorSet, kind: str, n: int, strength: float) -> list[Dose]:
    """The first n vectors of a kind that has many, at one strength."""
    return [Dose(kind, vector.name, strength) for vector in vectors.by_kind.get(kind, [])[:n]]


def choose_some(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """At most so many rows, in their order; which ones depends on the seed and each example."""
    drawn = sorted(rows, key=lambda row: _digest(seed, row["example_id"]))[:most]
    kept = {row["example_id"] for row in drawn}
    return [row for row in rows if row["example_id"] in kept]


def unrelated_tokens(prompt: Row, n: int, seed: int) -> list[int]:
    """Indices of n tokens of a prompt, drawn without repeats, sorted: neither its first or last
    nor one that has a name (the hole's name, the format's own tokens)."""
    named = {position["index"] for position in prompt["positions"]}
    free = [i for i in range(1, len(prompt["token_ids"]) - 1) if i not in named]
    rng = np.random.default_rng(_digest(seed, prompt["example_id"]))
    return sorted(rng.choice(free, size=min(n, len(free)), replace=False).tolist())


def stack_doses(
    vectors: VectorSet, doses: Sequence[Sequence[Dose]], points: Sequence[int]
) -> "torch.Tensor":
    """What is added: [point, example, dose, d_model] float32.

    An example with fewer doses than another is filled up with its last one.
    """
    import torch

    width = max(map(len, doses))
    scaled = {
        dose: torch.from_numpy(vectors.scaled(dose.vector, dose.strength)[list(points)])
        for dose in {dose for row in doses for dose in row}
    }
    rows = [
        torch.stack([scaled[dose] for dose in [*row, *[row[-1]] * (width - len(row))]], dim=1)
        for row in doses
    ]
    return torch.stack(rows, dim=1)


def steer(
    model: "Model",
    recipients: Sequence[Row],
    windows: Sequence[Window],
    doses_of: Callable[[Row], list[Dose]],
    vectors: VectorSet,
    encoder: Encoder,
    batch_tokens: int,
) -> Iterator[Row]:
    """Rows of the steering_results table: every recipient without and with each dose, everywhere.

    recipients   rows with a prompt's token_ids and its prediction (see `apply_steering`)
    doses_of     the doses of a recipient; one without any gives its row without steering only
    """
    import torch

    from fimscope.batch import plan_batches, run_batches
    from fimscope.steering import sweep_added

    points = sorted({point for window in windows for point in window})
    doses = [doses_of(row) or [Dose("zero", "zero", 0.0)] for row in recipients]

    def sweep_rows(rows: list[int]) -> Any:
        return sweep_added(
            model,
            [recipients[row]["token_ids"] for row in rows],
            windows,
            stack_doses(vectors, [doses[row] for row in rows], points),
            torch.tensor([_token_ids(recipients[row]) for row in rows]),
        )

    progress = Progress("steering", len(recipients), "examples")
    batches = plan_batches([len(row["token_ids"]) for row in recipients], batch_tokens)
    found: dict[int, list[Row]] = {}
    for rows, sweep in run_batches(sweep_rows, batches):
        for i, row in enumerate(rows):
            plain = sweep.baseline.reshape(lambda tensor, i=i: tensor[i])
            before = float(plain.logits[0] - plain.logits[1])
            own = [_result(recipients[row], NOTHING, (), plain, before, encoder)]
            for w, window in enumerate(windows):
                for d, dose in enumerate(doses[row]):
                    at = sweep.patched.reshape(lambda tensor, w=w, i=i, d=d: tensor[w, i, d])
                    own.append(_result(recipients[row], dose, window, at, before, encoder))
            found[row] = own
        progress.add(len(rows))
    for row in sorted(found):
        yield from found[row]


def _result(
    recipient: Row, dose: Dose, window: Window, readout: Any, before: float, encoder: Encoder
) -> Row:
    wrong = recipient["outcome"] == "wrong"
    gold, foil = readout.logits.tolist()
    top, total = int(readout.top_ids), float(readout.logsumexp)
    keys = ("example_id", "edit", "program_id", "gold", "group", "outcome", "broken")
    return {
        **{key: recipient[key] for key in keys},
        **vars(dose),
        "points": list(window),
        "predicted": encoder.decode([top]).strip(),
        "predicted_token_id": top,
        "to_gold": top == recipient["gold_token_id"],
        "gold_logprob": gold - total,
        "foil_logprob": foil - total if wrong else None,
        "logit_diff": gold - foil if wrong else None,
        "unsteered_logit_diff": before if wrong else None,
    }


def _token_ids(recipient: Row) -> list[int]:
    return [recipient["gold_token_id"], recipient["foil_token_id"]]


def _digest(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8])
