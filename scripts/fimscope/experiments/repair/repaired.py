"""Answers with something taken from the model: which are asked, and what becomes of them."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fimscope.prompts.encoder import Encoder
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from fimscope.interventions.sweep import SweepReadout

Row = Mapping[str, Any]
KEPT = ("example_id", "edit", "program_id", "gold", "group", "cause")


@dataclass(frozen=True)
class Way:
    """What is taken out.

    way   none; found, by the rule of the experiment; random, as many heads or directions; other,
          another annotation in the same heads; all, in every head
    """

    way: str
    n_heads: int | None = None
    point: int | None = None
    rank: int | None = None
    draw: int | None = None


NONE = Way("none")


def outcome_of(prediction: Row) -> str | None:
    """Of a row of predictions: right or wrong.

    None where the first token, which is all that is asked here, does not tell: of a wrong answer
    that starts as the gold does, or a right one that starts otherwise.
    """
    is_gold = prediction["predicted_token_id"] == prediction["gold_token_id"]
    if prediction["correct"] != is_gold:
        return None
    return "right" if is_gold else "wrong"


def draw_most(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """At most so many rows of each group, edit and outcome, by example; in the rows' order."""
    taken: dict[tuple[str, str, str], int] = {}
    chosen: set[tuple[str, str, str]] = set()
    for row in sorted(rows, key=lambda row: seed_of(seed, "repair", row["example_id"])):
        cell = row["group"], row["edit"], row["outcome"]
        taken[cell] = taken.get(cell, 0) + 1
        if taken[cell] <= most:
            chosen.add(_key(row))
    return [row for row in rows if _key(row) in chosen]


def _key(row: Row) -> tuple[str, str, str]:
    return row["example_id"], row["edit"], row["outcome"]


def repaired_rows(
    readout: "SweepReadout", example: int, recipient: Row, ways: Iterable[Way], encoder: Encoder
) -> Iterator[Row]:
    """Rows of either table of answers, of one recipient: with nothing taken out, then way by way.

    readout   patched [example, way], baseline [example]; its logits begin with the gold's

    None where the baseline's outcome is not the recipient's: other batches round otherwise, and an
    answer that this turns is neither right nor wrong.
    """
    baseline, patched = readout.baseline, readout.patched
    gold, outcome = recipient["gold_token_id"], recipient["outcome"]
    if (int(baseline.top_ids[example]) == gold) != (outcome == "right"):
        return
    found = [
        (NONE, *(own[example] for own in (baseline.top_ids, baseline.logits, baseline.logsumexp))),
        *(
            (
                way,
                *(own[example, i] for own in (patched.top_ids, patched.logits, patched.logsumexp)),
            )
            for i, way in enumerate(ways)
        ),
    ]
    for way, top_id, logits, logsumexp in found:
        token = int(top_id)
        yield {
            **{name: recipient[name] for name in KEPT},
            "outcome": outcome,
            **asdict(way),
            "predicted": encoder.decode([token]).strip(),
            "predicted_token_id": token,
            "to_gold": token == gold,
            "gold_logprob": float(logits[0] - logsumexp),
        }


def change_of(row: Row) -> int:
    """1 where a wrong answer becomes the gold, -1 where a right one leaves it, else 0."""
    return int(row["to_gold"]) - (row["outcome"] == "right")


def best_setting(rows: Iterable[Row], setting_of: Callable[[Row], Hashable]) -> Any:
    """The setting with the greatest net over the `found` rows; None without a row.

    Of equal ones that under which the wrong answers give the gold the most log-probability, then
    the least.
    """
    scores: dict[Any, tuple[int, float]] = {}
    for row in rows:
        if row["way"] == "found":
            setting, rise = setting_of(row), row["gold_logprob"] * (row["outcome"] == "wrong")
            net, logprob = scores.get(setting, (0, 0.0))
            scores[setting] = net + change_of(row), logprob + rise
    return max(sorted(scores), key=lambda setting: scores[setting], default=None)
