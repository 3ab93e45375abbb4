"""How the solved examples in front of a prompt are chosen."""

# What is drawn for each choice, and what is done to it. Choices of one draw get the same shots.
DRAWS = {
    "same_type": "same_type",  # their annotation is the gold
    "random": "random",
    "other_type": "other_type",
    "untyped": "same_type",  # without the annotation
    "scrambled": "random",  # their tokens in random order: the length, and nothing said
}
CHOICES = tuple(DRAWS)
LABELS = {
    "same_type": "same type",
    "random": "any type",
    "other_type": "another type",
    "untyped": "same type, annotation left out",
    "scrambled": "any type, tokens scrambled",
}


def knows_gold(choice: str) -> bool:
    """Whether a choice has to be told the recipient's gold type to draw its shots."""
    return DRAWS[choice] != "random"
