"""The words that the report needs to be read: said where a word stands first, shown on it after."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fimscope.report.markdown import code
from fimscope.statistics.verdicts import FEWEST_ABSENT


@dataclass(frozen=True)
class Word:
    """A word of the report.

    meaning   as it stands in brackets behind the word
    pattern   what finds it in a text; default: the word and its plural
    spelled   as it is listed; default: the word
    """

    meaning: str
    pattern: str = ""
    spelled: str = ""


WORDS = {
    "hole": Word("one type annotation, of a parameter or a return, taken out of a program"),
    "gold": Word(
        "the type that stood in the hole; an answer is right when it is the gold, of a gold of one "
        "token when its first token is, whatever follows"
    ),
    "edit": Word("a named change of the program that keeps its meaning"),
    "variant": Word("an example after an edit"),
    "broken": Word("right before the edit, wrong after it", r"broken"),
    "mended": Word("wrong before, right after", r"mended"),
    "spoiled": Word("a right answer that steering makes wrong", r"spoiled"),
    "point": Word(
        "a place in the residual stream: point k enters block k, the last enters the final norm",
        # Other points are percentages.
        r"points? \d+(?: to \d+)?(?:, \d+(?: to \d+)?(?!\.))*|(?<=every )point|(?<=each )point",
    ),
    "donor": Word("the variant whose activation is read"),
    "recipient": Word("the variant into which the donor's activation is written"),
    "target": Word("the type that a patch should bring"),
    "foil": Word("the wrong type that the model says for the recipient without the patch"),
    "effect": Word(
        "of a patch: 0 leaves the difference of the logits of target and foil as the recipient's, "
        "1 makes it the donor's"
    ),
    "turn": Word("the target becomes the first answer", r"turns?(?= to | the answer)"),
    "kind": Word(
        "of a hole: a parameter or a return",
        # A type, a region and a test are of other kinds.
        r"kind(?= and (?:the )?name)|(?<=holes of the same )kind|(?<=those of the same )kind",
    ),
    "greedy": Word("with the likeliest token at every step", r"greedy"),
    "sample": Word("an answer drawn at random, by the model's own probabilities"),
    "pass_at_k": Word("how often at least one of k samples is right", r"pass@(?:k|\d+)", "pass@k"),
    "guess": Word("a type that is drawn without asking the model, as a control", r"guess(?:es)?"),
}
# What stands as code: the conditions of the patches, and the groups of programs.
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
GROUPS = {
    "fit": "the programs to which vectors and probes are fitted",
    "select": "the programs on which settings are chosen",
    "test": "the programs on which what was chosen is reported, once",
}
VERDICTS = {
    "shown": "interval and test leave out 0, or the control",
    "shown absent": "the whole interval lies within the margin of 0, over "
    f"{FEWEST_ABSENT} programs or more; or, of a claim that something is more, less is shown",
    "undecided": "neither: a larger study could decide it",
}
AS_CODE = {**CONDITIONS, **GROUPS}
FOUND = re.compile(
    "|".join(rf"\b(?P<{name}>{word.pattern or name + 's?'})\b" for name, word in WORDS.items())
)


def words_in(text: str) -> Iterator[tuple[str, str | None]]:
    """The text in pieces, each with the word of the glossary that it is, or None."""
    start = 0
    for match in FOUND.finditer(text):
        yield text[start : match.start()], None
        yield match[0], match.lastgroup
        start = match.end()
    yield text[start:], None


def glossary_lines(conditions: Collection[str]) -> list[str]:
    """The words, the study's conditions, the groups and the verdicts, in Markdown."""
    entries = [f"- **{own.spelled or word}**: {own.meaning}." for word, own in WORDS.items()]
    entries += [
        f"- {code(name)}: {text}."
        for name, text in AS_CODE.items()
        if name in conditions or name in GROUPS
    ]
    return [*entries, *(f"- *{verdict}*: {text}." for verdict, text in VERDICTS.items())]
