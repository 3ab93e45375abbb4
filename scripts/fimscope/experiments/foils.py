"""Which wrong token stands against the gold in each variant."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def choose_foils(predictions: Sequence[Row], others: Sequence[Sequence[Row]]) -> dict[str, int]:
    """The foil of each variant that has one: example_id -> token id.

    predictions  of one edit; the foil of a wrong one is the token that it predicts
    others       predictions of other edits, in the order in which they count: the foil of a right
                 one is what the first of them predicts that is wrong on the same example

    A wrong answer that starts with the gold's own first token has no foil.
    """
    wrong_elsewhere: dict[str, int] = {}
    for table in others:
        for row in table:
            if not row["correct"]:
                wrong_elsewhere.setdefault(row["example_id"], row["predicted_token_id"])
    foils = {}
    for row in predictions:
        foil = row["predicted_token_id"]
        if row["correct"]:
            foil = wrong_elsewhere.get(row["example_id"])
        if foil is not None and foil != row["gold_token_id"]:
            foils[row["example_id"]] = foil
    return foils
