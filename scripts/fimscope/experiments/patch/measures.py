"""What a patch made of a prediction: the measures that every table of patches holds."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimscope.files.tables import Table, write_table
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log

if TYPE_CHECKING:
    from fimscope.interventions.sweep import SweepReadout

Row = Mapping[str, Any]

TOKENS = ("gold", "foil", "target")  # of a pair, whose logits are read
KEYS = {  # columns of a table of patches, and of the pairs table
    "condition": "condition",
    "pair_id": "pair_id",
    "example_id": "recipient_example_id",
    "edit": "recipient_edit",
    "program_id": "recipient_program_id",
    "donor_kind": "donor_kind",
    "donor_example_id": "donor_example_id",
}


@dataclass(frozen=True)
class Patched:
    """A row of the pairs table, and what the model says after each of its patches.

    top_ids    [patch] int64, the first of the tokens with the highest logit
    logsumexp  [patch] float64
    logits     [patch] float64 each, of the pair's gold, foil and target
    before     target minus foil without a patch
    """

    pair: Row
    top_ids: NDArray[np.int64]
    logsumexp: NDArray[np.float64]
    logits: Mapping[str, NDArray[np.float64]]
    before: float


def wanted_ids(pairs: Iterable[Row]) -> list[int]:
    """The tokens whose logits the measures of some pairs need, ascending."""
    return sorted({pair[f"{name}_token_id"] for pair in pairs for name in TOKENS})


def pairs_of_sweep(
    sweep: "SweepReadout", example: int, pairs: Sequence[Row], token_ids: Sequence[int]
) -> Iterator[Patched]:
    """What a sweep made of each of one recipient's pairs, whose donors it has in this order.

    sweep       patched [patch, example, donor], baseline [example]
    token_ids   whose logits it has of the example, `wanted_ids` of the pairs among them
    """
    column = {token: number for number, token in enumerate(token_ids)}
    baseline = dict(zip(column, sweep.baseline.logits[example].tolist(), strict=False))
    top_ids = sweep.patched.top_ids[:, example].numpy()
    logsumexp = sweep.patched.logsumexp[:, example].double().numpy()
    logits = sweep.patched.logits[:, example].double().numpy()
    for donor, pair in enumerate(pairs):
        of_token = {name: logits[:, donor, column[pair[f"{name}_token_id"]]] for name in TOKENS}
        before = logit_diff(pair, baseline)
        yield Patched(pair, top_ids[:, donor], logsumexp[:, donor], of_token, before)


def padded(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows of one length: the shorter ones repeat their last element."""
    width = max(map(len, rows))
    return [[*row, *[row[-1]] * (width - len(row))] for row in rows]


def place_in(pairs: Sequence[Row]) -> Callable[[Patched], int]:
    """Sorts by the order of the pairs table: the place of a patched row in it."""
    places = {(pair["pair_id"], pair["donor_kind"]): n for n, pair in enumerate(pairs)}
    return lambda patched: places[patched.pair["pair_id"], patched.pair["donor_kind"]]


def logit_diff(pair: Row, logits: Mapping[int, float]) -> float:
    """Target minus foil."""
    return logits[pair["target_token_id"]] - logits[pair["foil_token_id"]]


def patch_table(
    swept: Sequence[Patched],
    places: Mapping[str, Sequence[Any]],
    donor_diffs: Mapping[str, float],
    min_gap: float,
    encoder: Encoder,
) -> pa.Table:
    """A table of patches: each row of the pairs table patch by patch.

    places       the columns that say where each patch is, over all rows
    donor_diffs  of each pair, target minus foil in the paired donor's own run
    min_gap      in logits

    The normalised effect is 0 at the recipient's difference and 1 at the paired donor's
    (Heimersheim & Nanda 2404.15255), negative where the patch leads away from it; it is null where
    the two are nearer than min_gap.
    """
    row = np.repeat(np.arange(len(swept)), [len(patched.top_ids) for patched in swept])

    def of_pair(name: str) -> pa.Array:
        return pa.array([patched.pair[name] for patched in swept]).take(pa.array(row))

    def joined(arrays: Iterable[NDArray]) -> NDArray:
        return np.concatenate([np.empty(0), *arrays])

    top_ids = pa.array(joined(patched.top_ids for patched in swept).astype(np.int64))
    logsumexp = joined(patched.logsumexp for patched in swept)
    logits = {name: joined(patched.logits[name] for patched in swept) for name in TOKENS}
    diff = logits["target"] - logits["foil"]
    before = np.array([patched.before for patched in swept])[row]
    donor_diff = np.array([donor_diffs[patched.pair["pair_id"]] for patched in swept])[row]
    gap = donor_diff - before
    small = ~(np.abs(gap) >= min_gap)
    effect = (diff - before) / np.where(small, 1, gap)
    return pa.table(
        {
            **{name: of_pair(of_pairs) for name, of_pairs in KEYS.items()},
            **places,
            "predicted": _spelled(top_ids, encoder),
            "predicted_token_id": top_ids,
            "to_gold": pc.equal(top_ids, of_pair("gold_token_id")),
            "to_donor": pc.equal(top_ids, of_pair("donor_token_id")),
            **{f"{name}_logprob": logits[name] - logsumexp for name in TOKENS},
            "logit_diff": diff,
            "recipient_logit_diff": before,
            "donor_logit_diff": donor_diff,
            "normalised_effect": pa.array(effect, mask=small),
        }
    )


def write_conditions(
    folder: Path,
    kind: Table,
    table: pa.Table,
    conditions: Sequence[str],
    manifest: Mapping[str, Any],
) -> None:
    """Write the rows of every condition as a table of its own."""
    for condition in conditions:
        chosen = table.filter(pc.equal(table["condition"], condition))
        write_table(folder / f"{condition}.parquet", kind, chosen, manifest)
        log.info("%s: %d patches", condition, len(chosen))


def _spelled(token_ids: pa.Array, encoder: Encoder) -> pa.Array:
    """The text of each token, without the spaces around it."""
    encoded = token_ids.dictionary_encode()
    texts = [encoder.decode([token]).strip() for token in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)
