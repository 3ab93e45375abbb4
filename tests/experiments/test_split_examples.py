"""Right, wrong, broken, mended, and the funnel that leads there."""

from split_examples import count_funnel, split_examples


def row(example: str, correct: bool, edit: str) -> dict:
    return {
        "example_id": example,
        "edit": edit,
        "program_id": example[0],
        "kind": "return",
        "gold": "string",
        "predicted": "string" if correct else "any",
        "correct": correct,
    }


def test_outcomes_against_the_original():
    before = [row("a1", True, "original"), row("a2", True, "original"), row("b1", False, "o")]
    after = [
        row("a1", True, "e"),
        row("a2", False, "e"),
        row("b1", True, "e"),
        row("c1", False, "e"),  # its original was not answered
    ]
    found = list(split_examples(after, before))
    assert [(r["outcome"], r["broken"], r["mended"]) for r in found] == [
        ("right", False, False),
        ("wrong", True, False),
        ("right", False, True),
        ("wrong", False, False),
    ]


def test_the_original_is_never_broken():
    before = [row("a1", True, "original"), row("b1", False, "original")]
    assert not any(r["broken"] or r["mended"] for r in split_examples(before, before))


def test_the_funnel_counts_programs_and_rows():
    rows = [row("a1", True, "e"), row("a2", True, "e"), row("b1", True, "e")]
    assert count_funnel("e", {"holes": rows, "broken": rows[:1]}) == [
        {"edit": "e", "stage": "holes", "n_programs": 2, "n_rows": 3},
        {"edit": "e", "stage": "broken", "n_programs": 1, "n_rows": 1},
    ]
