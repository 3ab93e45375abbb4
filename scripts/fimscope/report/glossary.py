"""The words that the report needs to be read, each said once."""

from collections.abc import Collection

from fimscope.report.markdown import code

WORDS = {
    "hole": "one type annotation, of a parameter or of a return, taken out of a program",
    "gold": "the type that stood there; an answer is right when it is the gold",
    "edit": "a named change of the program that keeps its meaning; `original` is no edit",
    "variant": "an example after an edit",
    "broken, mended": "right on the original and wrong on the variant; wrong and then right",
    "spoiled": "a right answer that steering makes wrong",
    "point": "a place in the residual stream: point k enters block k, the last enters the final "
    "norm",
    "donor, recipient": "the variant whose activation is read, and the one it is written into",
    "target, foil": "the type that a patch should bring, and the one that the recipient says "
    "without it",
    "effect": "of a patch, on the logit of the target minus that of the foil: 0 is the recipient's "
    "own, 1 the donor's; half of the effect is 0.5 of that way",
    "turns": "an answer does where the target becomes the first",
    "shown, shown absent, undecided": "a difference from 0, or from a control, whose interval and "
    "test leave 0 out; one whose interval lies within the margin of the config; neither",
}
# Which donor goes into which recipient: the conditions of the patches.
CONDITIONS = {
    "restore": "the original's activation into its broken variant; the target is the gold",
    "break": "the broken variant's into its original; the target is the variant's wrong answer",
    "same_type": "that of a right original of another program into a wrong variant with the same "
    "gold; the target is the gold",
    "other_type": "that of a right original of another program into a right original with another "
    "gold; the target is the donor's gold",
    "wrong_to_wrong": "that of a wrong variant of another program into a wrong variant; the target "
    "is the donor's wrong answer",
}


def glossary_lines(conditions: Collection[str]) -> list[str]:
    """The words and the study's conditions, in Markdown."""
    entries = [f"- **{word}**: {text}." for word, text in WORDS.items()]
    entries += [
        f"- {code(name)}: {text}." for name, text in CONDITIONS.items() if name in conditions
    ]
    return ["## Words", "", *entries, ""]
