"""Which donor goes into which recipient: the conditions of the patch sweep and their controls."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from fimscope.draws import seed_of

Row = Mapping[str, Any]
CONDITIONS = ("restore", "break", "same_type", "other_type", "wrong_to_wrong")
CONTROLS = ("self", "unrelated", "random", "random_position")
DONOR_KINDS = ("paired", *CONTROLS)


def choose_recipients(
    condition: str, variants: Sequence[Row], originals: Mapping[str, Row]
) -> list[Row]:
    """The predictions that a condition takes as recipients, in the table's order.

    restore                    broken variants: the original right, the variant wrong
    break                      the originals of broken variants
    same_type, wrong_to_wrong  wrong variants
    other_type                 right originals
    A wrong prediction that starts with the gold's own first token has no foil and is left out.
    """
    if condition == "other_type":
        return [row for row in originals.values() if row["correct"]]
    wrong = [
        row
        for row in variants
        if not row["correct"] and row["predicted_token_id"] != row["gold_token_id"]
    ]
    broken = [row for row in wrong if originals.get(row["example_id"], {}).get("correct")]
    if condition == "restore":
        return broken
    if condition == "break":
        return [originals[row["example_id"]] for row in broken]
    return wrong


def find_donors(
    condition: str,
    recipient: Row,
    variants: Sequence[Row],
    originals: Mapping[str, Row],
    clusters: Mapping[str, str],
) -> list[Row]:
    """Every prediction that may be the recipient's donor under a condition.

    restore         its own original
    break           its own variant
    same_type       a right original of another program with the same gold
    other_type      a right original of another program with another gold
    wrong_to_wrong  a wrong variant of another program that predicts neither the recipient's gold
                    nor what the recipient predicts
    Near-duplicates of the recipient's program (one cluster) count as the same program. A donor
    whose answer starts with the token that the recipient predicts has nothing to bring and is left
    out.
    """
    if condition == "restore":
        found = [originals[recipient["example_id"]]]
    elif condition == "break":
        found = [row for row in variants if row["example_id"] == recipient["example_id"]]
    else:
        elsewhere = partial(_elsewhere, recipient=recipient, clusters=clusters)
        pool = variants if condition == "wrong_to_wrong" else originals.values()
        fits = partial(_FITS[condition], recipient=recipient)
        found = [row for row in pool if fits(row) and elsewhere(row)]
    foil = recipient["predicted_token_id"]
    return [row for row in found if target_of(condition, row, recipient) != foil]


def target_of(condition: str, donor: Row, recipient: Row) -> int:
    """The token that the prediction becomes where the condition's patch succeeds."""
    if condition in ("break", "wrong_to_wrong"):
        return donor["predicted_token_id"]
    return (donor if condition == "other_type" else recipient)["gold_token_id"]


def pair(
    condition: str,
    variants: Sequence[Row],
    originals: Mapping[str, Row],
    clusters: Mapping[str, str],
    max_pairs: int,
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """Rows of the pairs table (the pair and its controls), and recipients without a donor.

    Examples come in the same random order under every condition, so that conditions share them as
    far as they can. Every choice is seeded by the condition and the recipient, so that one example
    more or less changes no other pair.
    """
    recipients = choose_recipients(condition, variants, originals)
    recipients = sorted(recipients, key=lambda row: seed_of(seed, row["example_id"]))
    rows: list[Row] = []
    lonely: list[Row] = []
    n_pairs = 0
    for recipient in recipients:
        if n_pairs == max_pairs:
            break
        rng = np.random.default_rng(seed_of(seed, condition, recipient["example_id"]))
        donors = find_donors(condition, recipient, variants, originals, clusters)
        # As the paired donor, of the originals or of the variants.
        pool = variants if condition in ("break", "wrong_to_wrong") else originals.values()
        strangers = [row for row in pool if _elsewhere(row, recipient, clusters)]
        if not donors or not strangers:
            lonely.append(recipient)
            continue
        n_pairs += 1
        donor = donors[rng.integers(len(donors))]
        stranger = strangers[rng.integers(len(strangers))]
        rows.extend(_pair_rows(condition, recipient, donor, stranger))
    return rows, lonely


def _pair_rows(condition: str, recipient: Row, donor: Row, stranger: Row) -> Iterator[Row]:
    donors = {
        "paired": donor,
        "self": recipient,
        "unrelated": stranger,
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


def _same_gold(row: Row, recipient: Row) -> bool:
    return row["correct"] and row["gold"] == recipient["gold"]


def _other_gold(row: Row, recipient: Row) -> bool:
    return row["correct"] and row["gold_token_id"] != recipient["gold_token_id"]


def _wrong_otherwise(row: Row, recipient: Row) -> bool:
    return not row["correct"] and row["predicted_token_id"] != recipient["gold_token_id"]


_FITS = {
    "same_type": _same_gold,
    "other_type": _other_gold,
    "wrong_to_wrong": _wrong_otherwise,
}


def _elsewhere(row: Row, recipient: Row, clusters: Mapping[str, str]) -> bool:
    return clusters[row["program_id"]] != clusters[recipient["program_id"]]
