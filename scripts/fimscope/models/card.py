"""What the makers of a local model say of it: how it was trained, and what it is good for."""

import json
from pathlib import Path
from typing import Any

from fimscope.errors import UserError

CARD_FILE = "card.json"
# What a card may hold. `n_seeds` is how many trainings from other seeds stand behind its claims.
CARD = {
    "is": str,
    "trained_on": str,
    "steps": int,
    "tokens": int,
    "minutes": int,
    "hardware": str,
    "seed": int,
    "n_seeds": int,
}


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card of a model's folder, None where it has none.

    raises UserError where it is not JSON, or a key or its value is none of CARD
    """
    path = folder / CARD_FILE
    if not path.is_file():
        return None
    try:
        card = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON object ({error}); mend it or take it away") from None
    for key, value in card.items():
        if key not in CARD:
            raise UserError(f"{path}: {key}: unknown; a card holds {', '.join(CARD)}")
        if type(value) is not CARD[key]:
            kind = {str: "a text", int: "a whole number"}[CARD[key]]
            raise UserError(f"{path}: {key}: {value!r} found, {kind} expected")
    return card
