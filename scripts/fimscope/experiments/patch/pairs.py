"""Which donor goes into which recipient: the conditions of the patch sweep and their controls."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
CONDITIONS = ("restore", "break", "same_type", "other_type", "wrong_to_wrong")
CONTROLS = ("self", "unrelated", "other_gold", "random", "random_position")
DONOR_KINDS = ("paired", *CONTROLS)
OF_ORIGINALS = ("break", "other_type")  # recipients
FROM_VARIANTS = ("break", "wrong_to_wrong")  # donors
LIKE_FREQUENCY = 2.0  # one gold at most so many times as common as the other

NUMBERS = ("gold_token_id", "predicted_token_id", "correct")
FIELDS = np.dtype(
    [
        *((key, np.uint64) for key in ("example_id", "cluster", "gold")),
        *zip(NUMBERS, (np.int32, np.int32, np.bool_), strict=True),
        ("package", np.uint64),
        ("frequency", np.int64),
    ]
)
PROGRAM = np.dtype([(key, np.uint64) for key in ("program_id", "cluster", "package")])


class Predictions:
    """The predictions of one edit: their rows, and of all of them what the conditions ask.

    rows      rows of the predictions table, read one by one where they are chosen
    columns   [row] of FIELDS; texts as numbers of 64 bits by `seed_of`, which tell them apart as
              well as the texts do; an example's is also its place in the random order; frequency
              counts the rows of the row's gold

    raises UserError where a prediction is of none of the programs
    """

    def __init__(self, rows: Sequence[Row], programs: NDArray[np.void], seed: int):
        self.rows = rows
        self.columns = np.fromiter(
            (
                (
                    *(seed_of(seed, row[key]) for key in ("example_id", "program_id", "gold")),
                    *(row[key] for key in NUMBERS),
                    0,
                    0,
                )
                for row in rows
            ),
            FIELDS,
            len(rows),
        )
        if not np.isin(self.columns["cluster"], programs["program_id"]).all():
            raise UserError("a prediction is of no program in --programs; run predict_types again")
        found = np.searchsorted(programs["program_id"], self.columns["cluster"])
        for key in ("cluster", "package"):
            self.columns[key] = programs[key][found]
        _, gold, counts = np.unique(self.columns["gold"], return_inverse=True, return_counts=True)
        self.columns["frequency"] = counts[gold]


def number_programs(programs: Collection[Row], seed: int) -> NDArray[np.void]:
    """Each program, its cluster and its package as numbers by `seed_of`, by program: [program].

    Where all are of one package, each cluster counts as one.
    """
    numbers = (tuple(seed_of(seed, row[key]) for key in PROGRAM.names) for row in programs)
    found = np.sort(np.fromiter(numbers, PROGRAM, len(programs)), order="program_id")
    if len(np.unique(found["package"])) == 1:
        found["package"] = found["cluster"]
    return found


def has_foil(predictions: Row | NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether a prediction is wrong and does not start with the gold's own first token."""
    return np.logical_not(predictions["correct"]) & (
        predictions["predicted_token_id"] != predictions["gold_token_id"]
    )


def broken_rows(variants: Iterable[Row], originals: Mapping[str, Row]) -> list[Row]:
    """The recipients of `restore` among rows of variants: the original right, the variant wrong."""
    return [
        row
        for row in variants
        if has_foil(row) and originals.get(row["example_id"], {}).get("correct")
    ]


def choose_recipients(
    condition: str, variants: NDArray[np.void], originals: NDArray[np.void]
) -> NDArray[np.intp]:
    """Row numbers of the predictions that a condition takes as recipients, in a random order.

    restore                    broken variants: the original right, the variant wrong
    break                      the originals of broken variants
    same_type, wrong_to_wrong  wrong variants
    other_type                 right originals
    A wrong prediction without a foil is left out (`has_foil`).
    """
    wrong = variants[has_foil(variants)]["example_id"]
    right = originals[originals["correct"]]["example_id"]
    if condition == "other_type":
        chosen = right
    elif condition in ("restore", "break"):
        chosen = np.intersect1d(wrong, right)
    else:
        chosen = wrong
    recipients = originals if condition in OF_ORIGINALS else variants
    rows = np.argsort(recipients["example_id"], kind="stable")
    return rows[np.isin(recipients["example_id"][rows], chosen)]


def find_donors(condition: str, recipient: np.void, pool: NDArray[np.void]) -> NDArray[np.intp]:
    """Row numbers of the predictions that may be the recipient's donor under a condition.

    pool   the originals, or the variants for the conditions of FROM_VARIANTS

    restore         its own original
    break           its own variant
    same_type       a right original of another package with the same gold
    other_type      a right original of another package with another gold
    wrong_to_wrong  a wrong variant of another package that predicts neither the recipient's gold
                    nor what the recipient predicts
    A near-duplicate of the recipient's program (one cluster) is none of another package. A donor
    whose answer starts with the token that the recipient predicts has nothing to bring and is left
    out.
    """
    if condition in ("restore", "break"):
        fits = pool["example_id"] == recipient["example_id"]
    else:
        fits = _FITS[condition](pool, recipient) & _elsewhere(pool, recipient)
    brings = target_of(condition, pool, recipient) != recipient["predicted_token_id"]
    return np.flatnonzero(fits & brings)


def find_others(
    recipient: np.void, target_token_id: int, pool: NDArray[np.void]
) -> NDArray[np.intp]:
    """Row numbers of the predictions of another package that have another type to bring.

    Their gold is neither the recipient's nor starts with the token that the patch aims at.
    """
    others = pool["gold_token_id"] != recipient["gold_token_id"]
    others &= pool["gold_token_id"] != target_token_id
    return np.flatnonzero(others & _elsewhere(pool, recipient))


def of_like_frequency(
    rows: NDArray[np.intp], donor: np.void, pool: NDArray[np.void]
) -> NDArray[np.intp]:
    """The rows whose gold is as common as the donor's, to LIKE_FREQUENCY; else the nearest ones."""
    apart = np.abs(np.log(pool["frequency"][rows] / donor["frequency"]))
    return rows[apart <= max(np.log(LIKE_FREQUENCY), apart.min(initial=np.inf))]


def target_of(condition: str, donor: Row | NDArray[np.void], recipient: Row | np.void) -> Any:
    """The token that the prediction becomes where the condition's patch succeeds."""
    if condition in FROM_VARIANTS:
        return donor["predicted_token_id"]
    return (donor if condition == "other_type" else recipient)["gold_token_id"]


def pair(
    condition: str, variants: Predictions, originals: Predictions, max_pairs: int, seed: int
) -> tuple[list[Row], list[Row]]:
    """Rows of the pairs table (the pair and its controls), and recipients without a donor.

    unrelated    of another type than the paired donor (`find_others`), of like frequency
    other_gold   of another type too, and right
    A recipient without any of the three is left out.

    Examples come in the same random order under every condition, so that conditions share them as
    far as they can. Every choice is seeded by the condition and the recipient, so that one example
    more or less changes no other pair.
    """
    recipients = originals if condition in OF_ORIGINALS else variants
    pool = variants if condition in FROM_VARIANTS else originals
    rows: list[Row] = []
    lonely: list[Row] = []
    n_pairs = 0
    for row in choose_recipients(condition, variants.columns, originals.columns):
        if n_pairs == max_pairs:
            break
        recipient = recipients.rows[row]
        rng = np.random.default_rng(seed_of(seed, condition, recipient["example_id"]))
        donors = find_donors(condition, recipients.columns[row], pool.columns)
        if not len(donors):
            lonely.append(recipient)
            continue
        donor = donors[rng.integers(len(donors))]
        # As the paired donor, of the originals or of the variants.
        target = target_of(condition, pool.columns[donor], recipients.columns[row])
        others = find_others(recipients.columns[row], target, pool.columns)
        right = others[pool.columns["correct"][others]]
        if not len(right):
            lonely.append(recipient)
            continue
        n_pairs += 1
        alike = of_like_frequency(others, pool.columns[donor], pool.columns)
        chosen = (donor, alike[rng.integers(len(alike))], right[rng.integers(len(right))])
        rows.extend(_pair_rows(condition, recipient, *(pool.rows[row] for row in chosen)))
    return rows, lonely


def first_pairs(pairs: Sequence[Row], conditions: Sequence[str], max_pairs: int) -> list[Row]:
    """All rows of the first pairs of each condition; the pairs table has them in random order."""
    kept: dict[str, list[str]] = {condition: [] for condition in conditions}
    for pair in pairs:
        names = kept.get(pair["condition"])
        if names is not None and pair["pair_id"] not in names and len(names) < max_pairs:
            names.append(pair["pair_id"])
    return [pair for pair in pairs if pair["pair_id"] in kept.get(pair["condition"], ())]


def _pair_rows(
    condition: str, recipient: Row, donor: Row, stranger: Row, other_gold: Row
) -> Iterator[Row]:
    donors = {
        "paired": donor,
        "self": recipient,
        "unrelated": stranger,
        "other_gold": other_gold,
        "random": None,
        "random_position": donor,
    }
    for kind, source in donors.items():
        yield {
            "condition": condition,
            "pair_id": f"{condition}-{recipient['example_id']}",
            "recipient_example_id": recipient["example_id"],
            "recipient_edit": recipient["edit"],
            "recipient_program_id": recipient["program_id"],
            "donor_kind": kind,
            "donor_example_id": source and source["example_id"],
            "donor_edit": source and source["edit"],
            "target_token_id": target_of(condition, donor, recipient),
            "foil_token_id": recipient["predicted_token_id"],
            "gold_token_id": recipient["gold_token_id"],
            "donor_token_id": source and source["predicted_token_id"],
        }


def _same_gold(pool: NDArray[np.void], recipient: np.void) -> NDArray[np.bool_]:
    return pool["correct"] & (pool["gold"] == recipient["gold"])


def _other_gold(pool: NDArray[np.void], recipient: np.void) -> NDArray[np.bool_]:
    return pool["correct"] & (pool["gold_token_id"] != recipient["gold_token_id"])


def _wrong_otherwise(pool: NDArray[np.void], recipient: np.void) -> NDArray[np.bool_]:
    return ~pool["correct"] & (pool["predicted_token_id"] != recipient["gold_token_id"])


_FITS = {
    "same_type": _same_gold,
    "other_type": _other_gold,
    "wrong_to_wrong": _wrong_otherwise,
}


def _elsewhere(pool: NDArray[np.void], recipient: np.void) -> NDArray[np.bool_]:
    elsewhere = pool["package"] != recipient["package"]
    return elsewhere & (pool["cluster"] != recipient["cluster"])
