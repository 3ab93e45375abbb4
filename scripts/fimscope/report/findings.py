"""What a study found, one line a claim: the same line in the head, the section and the summary."""

from collections.abc import Iterable
from dataclasses import dataclass

from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Finding:
    """A claim of a section, what was found of it, and what it was held against.

    claim     what was to be shown, a sentence without its stop, in Markdown
    verdict   shown, shown absent or undecided
    number    the estimate with its interval, and where it was found
    control   what the number is held against, read after `against`
    """

    claim: str
    verdict: Verdict
    number: str
    control: str


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings as a list in Markdown."""
    return [f"- *{own.verdict}*: {finding_text(own)}" for own in findings]


def finding_text(own: Finding) -> str:
    """A finding but for its verdict, which stands before it."""
    return f"{own.claim}: {own.number}; against {own.control}."


def more_or_less(gain: Numbers) -> str:
    """The word of a claim that something is more, which says less where that is what is shown."""
    return "less" if gain["verdict"] == Verdict.SHOWN and gain["estimate"] < 0 else "more"


def verdict_of_many(verdicts: Iterable[Verdict]) -> Verdict:
    """Of the claim that some of many parts do something.

    SHOWN where it is shown of one, SHOWN_ABSENT where it is shown absent of all, else UNDECIDED.
    """
    found = set(verdicts)
    if Verdict.SHOWN in found:
        return Verdict.SHOWN
    return Verdict.SHOWN_ABSENT if found == {Verdict.SHOWN_ABSENT} else Verdict.UNDECIDED


def verdict_of_all(verdicts: Iterable[Verdict]) -> Verdict:
    """Of the claim that all of some parts do something, as that a change beats every control.

    SHOWN where it is shown of each, SHOWN_ABSENT where it is shown absent of one, else UNDECIDED.
    """
    found = set(verdicts)
    if Verdict.SHOWN_ABSENT in found:
        return Verdict.SHOWN_ABSENT
    return Verdict.SHOWN if found == {Verdict.SHOWN} else Verdict.UNDECIDED


def verdict_of_more(difference: Numbers) -> Verdict:
    """Of the claim that a difference is above 0: absent too where it is shown to be below.

    difference   estimate and verdict, as of `statistics.claims.judged`
    """
    is_less = difference["verdict"] is Verdict.SHOWN and difference["estimate"] < 0
    return Verdict.SHOWN_ABSENT if is_less else difference["verdict"]


def verdict_of_some(n_shown: int) -> Verdict:
    """Of the claim that some of many differ, where no absence is tested."""
    return Verdict.SHOWN if n_shown else Verdict.UNDECIDED
