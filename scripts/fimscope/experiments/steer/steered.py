"""The model under steering: its answers, its tokens elsewhere, its completed types."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.answers import ask_all
from fimscope.experiments.steer.doses import NOTHING, Dose, Window, stack_doses
from fimscope.experiments.steer.vectors import VectorSet
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import stop_ids
from fimscope.models.prepared import Prepared
from fimscope.parts.formats import BatchTensors
from fimscope.prompts.encoder import Encoder
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript

if TYPE_CHECKING:
    import torch

    from fimscope.inference.readout import Readout
    from fimscope.models.load import Model

Row = Mapping[str, Any]
DosesAt = Mapping[Window, Sequence[Dose]]


@dataclass(frozen=True)
class Steered:
    """A model, its tokenizer, the vectors fitted to it; a shard has what comes of its parts."""

    runner: BatchRunner
    prepared: Prepared
    encoder: Encoder
    vectors: VectorSet

    def ingredients(self, doses: Sequence[Dose]) -> list[tuple[str, float | None]]:
        """All of some doses that decides what they do."""
        return [(self.vectors.digests[dose.vector], dose.strength) for dose in doses]

    def ingredients_at(self, doses: DosesAt) -> list[Any]:
        return [(window, self.ingredients(own)) for window, own in doses.items()]

    def added(self, doses: DosesAt) -> "list[dict[int, torch.Tensor]]":
        """What is added at the points of each window, dose by dose."""
        import torch

        return [
            {point: scaled[point] for point in window}
            for window, own in doses.items()
            for dose in own
            for scaled in [torch.from_numpy(self.vectors.scaled(dose.vector, dose.strength))]
        ]


def steer(
    steered: Steered,
    recipients: Sequence[Row],
    windows: Sequence[Window],
    doses_of: Callable[[Row], list[Dose]],
) -> Iterator[Row]:
    """Rows of the steering_results table: every recipient without and with each dose, everywhere.

    recipients   rows with a prompt's token_ids and its prediction (see `apply_steering`)
    doses_of     the doses of a recipient; one without any gives its row without steering only
    """
    import torch

    from fimscope.interventions.addition import sweep_added
    from fimscope.interventions.sweep import SweepReadout

    points = sorted({point for window in windows for point in window})
    doses = [doses_of(row) for row in recipients]
    spelled = cache(lambda token: steered.encoder.decode([token]).strip())

    def ingredients(row: int) -> Any:
        asked = recipients[row]["token_ids"], _token_ids(recipients[row])
        return *asked, windows, steered.ingredients(doses[row])

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        own = [doses[row] for row in rows]
        return sweep_added(
            model,
            [recipients[row]["token_ids"] for row in rows],
            windows,
            stack_doses(steered.vectors, own, points, steered.prepared.d_model),
            torch.tensor([_token_ids(recipients[row]) for row in rows]),
        )

    lengths = [len(row["token_ids"]) for row in recipients]
    copied = [len(windows) * len(own) for own in doses]  # each of the last token alone
    batches = steered.runner.plan(lengths, copied=copied)
    kept = BatchTensors(SweepReadout)
    found: dict[int, list[Row]] = {}
    for rows, sweep in steered.runner.run("steering", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            nothing, result = _results(recipients[row], sweep.baseline, i, spelled)
            at = _listed(sweep.patched.reshape(lambda tensor, i=i: tensor[:, i]))
            found[row] = [nothing] + [
                result(dose, window, *(of_copy[w][d] for of_copy in at))
                for w, window in enumerate(windows)
                for d, dose in enumerate(doses[row])
            ]
    for row in sorted(found):
        yield from found[row]


def steer_each(
    steered: Steered, recipients: Sequence[Row], doses_of: Callable[[Row], DosesAt]
) -> list[tuple[Row, dict[Window, list[Row]]]]:
    """As `steer`, where each window has doses of its own: all share one prefill of a recipient.

    returns   of each recipient its row without steering, and those of every window
    """
    import torch

    from fimscope.interventions.addition import sweep_added_ragged
    from fimscope.interventions.sweep import SweepReadout

    doses = [doses_of(row) for row in recipients]
    spelled = cache(lambda token: steered.encoder.decode([token]).strip())

    def ingredients(row: int) -> Any:
        asked = recipients[row]["token_ids"], _token_ids(recipients[row])
        return *asked, steered.ingredients_at(doses[row])

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        return sweep_added_ragged(
            model,
            [recipients[row]["token_ids"] for row in rows],
            [steered.added(doses[row]) for row in rows],
            torch.tensor([_token_ids(recipients[row]) for row in rows]),
        )

    lengths = [len(row["token_ids"]) for row in recipients]
    copied = [sum(map(len, own.values())) for own in doses]
    batches = steered.runner.plan(lengths, copied=copied)
    kept = BatchTensors(SweepReadout)
    found: dict[int, tuple[Row, dict[Window, list[Row]]]] = {}
    for rows, sweep in steered.runner.run("steering", batches, ask, ingredients, kept):
        result_of = {}
        for i, row in enumerate(rows):
            nothing, result_of[row] = _results(recipients[row], sweep.baseline, i, spelled)
            found[row] = nothing, {window: [] for window in doses[row]}
        copies = zip(_copies(rows, doses), *_listed(sweep.patched), strict=True)
        for (row, window, dose), *of_copy in copies:
            found[row][1][window].append(result_of[row](dose, window, *of_copy))
    return [found[row] for row in sorted(found)]


def _copies(rows: Iterable[int], doses: Sequence[DosesAt]) -> list[tuple[int, Window, Dose]]:
    """Row, window and dose of each copy, as `Steered.added` has them row by row."""
    return [
        (row, window, dose) for row in rows for window, own in doses[row].items() for dose in own
    ]


def _results(
    recipient: Row, baseline: "Readout", number: int, spelled: Callable[[int], str]
) -> tuple[Row, Callable[..., Row]]:
    """A recipient's row without steering, and what makes that of a dose, a window and a readout."""
    keys = ("example_id", "edit", "program_id", "gold", "group", "outcome", "broken")
    own = {key: recipient[key] for key in keys}
    wrong = recipient["outcome"] == "wrong"
    plain = _listed(baseline.reshape(lambda tensor: tensor[number]))
    before = plain[2][0] - plain[2][1]

    def result(
        dose: Dose, window: Window, top_id: int, logsumexp: float, logits: Sequence[float]
    ) -> Row:
        gold, foil = logits
        return {
            **own,
            **vars(dose),
            "points": list(window),
            "predicted": spelled(top_id),
            "predicted_token_id": top_id,
            "to_gold": top_id == recipient["gold_token_id"],
            "gold_logprob": gold - logsumexp,
            "foil_logprob": foil - logsumexp if wrong else None,
            "logit_diff": gold - foil if wrong else None,
            "unsteered_logit_diff": before if wrong else None,
        }

    return result(NOTHING, (), *plain), result


def _listed(readout: "Readout") -> tuple[Any, Any, Any]:
    """Its tensors as lists: of so many rows, each number taken by itself would cost more."""
    return readout.top_ids.tolist(), readout.logsumexp.tolist(), readout.logits.tolist()


def _token_ids(recipient: Row) -> list[int]:
    return [recipient["gold_token_id"], recipient["foil_token_id"]]


def disturb(
    steered: Steered,
    recipients: Sequence[Row],
    doses_of: Callable[[Row], DosesAt],
    n_tokens: int,
    seed: int,
) -> list[dict[Window, list[Row]]]:
    """Rows of the steering_disturbance table: additions at tokens that are not the hole.

    A causal model says of a token's successor the same with and without what follows it; so the
    prompt, cut after the token, has it as its last.

    returns   of each token the rows of every window
    """
    from fimscope.interventions.addition import Moved, divergence_added

    cut = [
        (row, token, own)
        for row in recipients
        if any((own := doses_of(row)).values())
        for token in unrelated_tokens(row, n_tokens, seed)
    ]
    doses = [own for _, _, own in cut]
    prompts = [row["token_ids"][: token + 1] for row, token, _ in cut]

    def ingredients(row: int) -> Any:
        return prompts[row], steered.ingredients_at(doses[row])

    def ask(model: "Model", rows: list[int]) -> Moved:
        added = [steered.added(doses[row]) for row in rows]
        return divergence_added(model, [prompts[row] for row in rows], added)

    run, batches = steered.runner.run, steered.runner.plan(map(len, prompts))
    found: dict[int, dict[Window, list[Row]]] = {}
    for rows, moved in run("unrelated tokens", batches, ask, ingredients, BatchTensors(Moved)):
        for row in rows:
            found[row] = {window: [] for window in doses[row]}
        measured = moved.divergence.tolist(), moved.first.tolist()
        copies = zip(_copies(rows, doses), *measured, strict=True)
        for (row, window, dose), divergence, is_moved in copies:
            recipient, token, _ = cut[row]
            found[row][window].append(
                {
                    **{key: recipient[key] for key in ("example_id", "edit", "program_id")},
                    "token": token,
                    **vars(dose),
                    "points": list(window),
                    "divergence": divergence,
                    "moved": is_moved,
                }
            )
    return [found[row] for row in sorted(found)]


def complete(
    steered: Steered, results: Sequence[Row], recipients: Sequence[Row], max_new_tokens: int
) -> list[Row]:
    """Rows of the steering_completions table: each result's first token, continued greedily.

    Only the first token is steered: what follows it is what the model says after it.
    """
    prompts = {row["example_id"]: row for row in recipients}
    keys = sorted({(row["example_id"], row["predicted_token_id"]) for row in results})
    model, encoder = steered.runner.open_model(), steered.encoder
    stops = stop_ids(model)
    starts = {
        key: [*prompts[key[0]]["token_ids"], key[1]]
        for key in keys
        if key[1] not in stops and len(prompts[key[0]]["token_ids"]) < model.max_tokens
    }
    texts = {key: "" if key[1] in stops else encoder.decode([key[1]]) for key in keys}
    asked = [{"token_ids": start, "gold_token_ids": [0]} for start in starts.values()]
    answers = ask_all(steered.runner, asked, max_new_tokens - 1, what="completions")
    for row, key in enumerate(starts):
        texts[key] = encoder.decode([key[1], *answers[row]["completion_ids"]])
    with TypeScript() as typescript:
        types = typescript.type_texts([(texts[key], prompts[key[0]]["kind"]) for key in keys])
    typed = dict(zip(keys, types, strict=True))
    rows = []
    for row in results:
        key = (row["example_id"], row["predicted_token_id"])
        rows.append({**row, "completion": texts[key], "completed_type": typed[key]})
    return rows


def choose_some(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """At most so many rows, in their order; which ones depends on the seed and each example."""
    drawn = sorted(rows, key=lambda row: seed_of(seed, row["example_id"]))[:most]
    kept = {row["example_id"] for row in drawn}
    return [row for row in rows if row["example_id"] in kept]


def unrelated_tokens(prompt: Row, n: int, seed: int) -> list[int]:
    """Indices of n tokens of a prompt, drawn without repeats, sorted: neither its first or last
    nor one that has a name (the hole's name, the format's own tokens)."""
    named = {position["index"] for position in prompt["positions"]}
    free = [i for i in range(1, len(prompt["token_ids"]) - 1) if i not in named]
    rng = np.random.default_rng(seed_of(seed, prompt["example_id"]))
    return sorted(rng.choice(free, size=min(n, len(free)), replace=False).tolist())
