"""What a patch made of a prediction: the measures that every table of patches holds."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.files.tables import Table, write_table
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log

if TYPE_CHECKING:
    from fimscope.inference.readout import Readout
    from fimscope.interventions.sweep import SweepReadout

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What the model says at one prompt's end, at the tokens of its pair.

    logits   token id -> logit, of the pair's target, foil and gold
    """

    top_id: int
    logsumexp: float
    logits: Mapping[int, float]


@dataclass(frozen=True)
class Patched:
    """A row of the pairs table, and what the model says without a patch and after each."""

    pair: Row
    recipient: Said
    said: Sequence[Said]


def wanted_ids(pairs: Iterable[Row]) -> list[int]:
    """The tokens whose logits the measures of some pairs need, ascending."""
    names = ("target_token_id", "foil_token_id", "gold_token_id")
    return sorted({pair[name] for pair in pairs for name in names})


def pairs_of_sweep(sweep: "SweepReadout", example: int, pairs: Sequence[Row]) -> Iterator[Patched]:
    """What a sweep made of each of one recipient's pairs, whose donors it has in this order.

    sweep    patched [patch, example, donor], baseline [example], its logits those of `wanted_ids`
    """
    token_ids = wanted_ids(pairs)
    baseline = sweep.baseline.reshape(lambda tensor: tensor[example, None])
    for donor, pair in enumerate(pairs):
        (recipient,) = _said(baseline, token_ids, pair)
        patched = sweep.patched.reshape(lambda tensor, donor=donor: tensor[:, example, donor])
        yield Patched(pair, recipient, _said(patched, token_ids, pair))


def padded(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows of one length: the shorter ones repeat their last element."""
    width = max(map(len, rows))
    return [[*row, *[row[-1]] * (width - len(row))] for row in rows]


def place_in(pairs: Sequence[Row]) -> Callable[[Patched], int]:
    """Sorts by the order of the pairs table: the place of a patched row in it."""
    places = {(pair["pair_id"], pair["donor_kind"]): n for n, pair in enumerate(pairs)}
    return lambda patched: places[patched.pair["pair_id"], patched.pair["donor_kind"]]


def write_conditions(
    folder: Path,
    kind: Table,
    rows: Sequence[Row],
    conditions: Sequence[str],
    manifest: Mapping[str, Any],
) -> None:
    """Write the rows of every condition as a table of its own."""
    for condition in conditions:
        chosen = [row for row in rows if row["condition"] == condition]
        write_table(folder / f"{condition}.parquet", kind, chosen, manifest)
        log.info("%s: %d patches", condition, len(chosen))


def logit_diff(pair: Row, logits: Mapping[int, float]) -> float:
    """Target minus foil."""
    return logits[pair["target_token_id"]] - logits[pair["foil_token_id"]]


def key_columns(pair: Row) -> dict[str, Any]:
    """The columns that say which patch it is, but for its place."""
    return {
        "condition": pair["condition"],
        "pair_id": pair["pair_id"],
        "example_id": pair["recipient_example_id"],
        "edit": pair["recipient_edit"],
        "program_id": pair["recipient_program_id"],
        "donor_kind": pair["donor_kind"],
        "donor_example_id": pair["donor_example_id"],
    }


def measures(
    patched: Patched, number: int, donor_diff: float, min_gap: float, encoder: Encoder
) -> dict[str, Any]:
    """The columns that say what one of a pair's patches did.

    donor_diff   target minus foil in the paired donor's own run
    min_gap      in logits

    The normalised effect is 0 at the recipient's difference and 1 at the paired donor's
    (Heimersheim & Nanda 2404.15255), negative where the patch leads away from it; it is null where
    the two are nearer than min_gap.
    """
    pair, said = patched.pair, patched.said[number]
    before, diff = logit_diff(pair, patched.recipient.logits), logit_diff(pair, said.logits)
    gap = donor_diff - before
    donor_token = pair["donor_token_id"]
    logprobs = {
        f"{name}_logprob": said.logits[pair[f"{name}_token_id"]] - said.logsumexp
        for name in ("gold", "foil", "target")
    }
    return {
        "predicted": encoder.decode([said.top_id]).strip(),
        "predicted_token_id": said.top_id,
        "to_gold": said.top_id == pair["gold_token_id"],
        "to_donor": None if donor_token is None else said.top_id == donor_token,
        **logprobs,
        "logit_diff": diff,
        "recipient_logit_diff": before,
        "donor_logit_diff": donor_diff,
        "normalised_effect": (diff - before) / gap if abs(gap) >= min_gap else None,
    }


def _said(readout: "Readout", token_ids: Sequence[int], pair: Row) -> list[Said]:
    """The rows of a readout [row] at the tokens of a pair."""
    kept = {token: token_ids.index(token) for token in wanted_ids([pair])}
    columns = (readout.top_ids, readout.logsumexp, readout.logits)
    return [
        Said(top_id, logsumexp, {token: logits[column] for token, column in kept.items()})
        for top_id, logsumexp, logits in zip(*(c.tolist() for c in columns), strict=True)
    ]
