"""Prompts of an original, its variant and another program, and pairs of them to patch."""

from models import random_prompts

LENGTHS = (9, 12, 7)


ORIGINAL, VARIANT, OTHER = ("a", "original"), ("a", "rename_vars"), ("b", "original")


KINDS = {
    "paired": ORIGINAL,
    "self": VARIANT,
    "unrelated": OTHER,
    "other_gold": OTHER,
    "random": (None, None),
    "random_position": ORIGINAL,
}


def prompt(token_ids, positions, regions):
    return {
        "token_ids": token_ids,
        "positions": [{"name": name, "index": index} for name, index in positions.items()],
        "regions": [{"kind": kind, "start": start, "end": end} for kind, start, end in regions],
    }


def prompts():
    """An original, its variant, whose names are longer, and another program without a use."""
    ids = random_prompts(LENGTHS)
    fim = [
        {"fim_prefix": 0, "fim_suffix": n - 3, "fim_middle": n - 1, "last": n - 1} for n in LENGTHS
    ]
    return {
        ORIGINAL: prompt(
            ids[0],
            {**fim[0], "hole_name": 2},
            [("rest", 0, 2), ("declaration", 2, 3), ("use", 4, 5), ("use", 7, 8)],
        ),
        VARIANT: prompt(
            ids[1],
            {**fim[1], "hole_name": 3},
            [("rest", 0, 2), ("declaration", 2, 4), ("use", 5, 7), ("use", 10, 11)],
        ),
        OTHER: prompt(ids[2], fim[2], [("rest", 0, 7)]),
    }


def pair_rows(condition="restore", n=1):
    return [
        {
            "condition": condition,
            "pair_id": f"{condition}-{i}",
            "recipient_example_id": VARIANT[0],
            "recipient_edit": VARIANT[1],
            "recipient_program_id": "A",
            "donor_kind": kind,
            "donor_example_id": key[0],
            "donor_edit": key[1],
            "target_token_id": 4,
            "foil_token_id": 9,
            "gold_token_id": 4,
            "donor_token_id": 4,
        }
        for i in range(n)
        for kind, key in KINDS.items()
    ]
