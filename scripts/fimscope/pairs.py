"""Which donor goes into which recipient: the conditions of the patch sweep and their controls."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

Row = Mapping[str, Any]
CONTROLS = ("self", "unrelated", "random")


def choose_recipients(
    condition: str, variants: Sequence[Row], originals: Mapping[str, Row]
) -> list[Row]:
    """The predictions that a condition takes as recipients, in the table's order.

    restore                    broken variants: the original right, the variant wrong
    same_type, wrong_to_wrong  wrong variants
    A wrong prediction that starts with the gold's own first token has no foil and is left out.
    """
    wrong = [
        row
        for row in variants
        if not row["correct"] and row["predicted_token_id"] != row["gold_token_id"]
    ]
    if condition == "restore":
        return [row for row in wrong if originals.get(row["example_id"], {}).get("correct")]
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
    same_type       a right original of another program with the same gold
    wrong_to_wrong  a wrong variant of another program that predicts neither the recipient's gold
                    nor what the recipient predicts
    Near-duplicates of the recipient's program (one cluster) count as the same program.
    """
    if condition == "restore":
        return [originals[recipient["example_id"]]]
    elsewhere = partial(_elsewhere, recipient=recipient, clusters=clusters)
    if condition == "same_type":
        return [
            row
            for row in originals.values()
            if row["correct"] and row["gold"] == recipient["gold"] and elsewhere(row)
        ]
    own = (recipient["predicted_token_id"], recipient["gold_token_id"])
    return [
        row
        for row in variants
        if not row["correct"] and row["predicted_token_id"] not in own and elsewhere(row)
    ]


def pair(
    condition: str,
    variants: Sequence[Row],
    originals: Mapping[str, Row],
    clusters: Mapping[str, str],
    max_pairs: int,
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """Rows of the pairs table (the pair and its controls), and recipients without a donor.

    Every choice is seeded by the condition and the recipient, so that one example more or less
    changes no other pair.
    """
    recipients = choose_recipients(condition, variants, originals)
    recipients = sorted(recipients, key=lambda row: _key(seed, condition, row["example_id"]))
    rows: list[Row] = []
    lonely: list[Row] = []
    n_pairs = 0
    for recipient in recipients:
        if n_pairs == max_pairs:
            break
        rng = np.random.default_rng(_key(seed, condition, recipient["example_id"]))
        donors = find_donors(condition, recipient, variants, originals, clusters)
        strangers = [r for r in originals.values() if _elsewhere(r, recipient, clusters)]
        if not donors or not strangers:
            lonely.append(recipient)
            continue
        n_pairs += 1
        donor = donors[rng.integers(len(donors))]
        stranger = strangers[rng.integers(len(strangers))]
        rows.extend(_pair_rows(condition, recipient, donor, stranger))
    return rows, lonely


def _pair_rows(condition: str, recipient: Row, donor: Row, stranger: Row) -> Iterator[Row]:
    target = (
        donor["predicted_token_id"] if condition == "wrong_to_wrong" else recipient["gold_token_id"]
    )
    donors = {"paired": donor, "self": recipient, "unrelated": stranger, "random": None}
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
            "target_token_id": target,
            "foil_token_id": recipient["predicted_token_id"],
            "gold_token_id": recipient["gold_token_id"],
            "donor_token_id": source and source["predicted_token_id"],
        }


def _elsewhere(row: Row, recipient: Row, clusters: Mapping[str, str]) -> bool:
    return clusters[row["program_id"]] != clusters[recipient["program_id"]]


def _key(seed: int, *words: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{'/'.join(words)}".encode()).digest()[:8])
