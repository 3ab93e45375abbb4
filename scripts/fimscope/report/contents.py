"""What the report holds, from the step that writes it to the step that lays it out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json
from fimscope.report.findings import Finding, finding_lines
from fimscope.report.markdown import table
from fimscope.report.sections import Section, SectionTable, section_of
from fimscope.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Passage:
    """What stands behind the sections: a title, and its text in Markdown."""

    title: str
    text: str


@dataclass(frozen=True)
class Report:
    """The whole report; all texts are Markdown.

    asked      what the study asked, in two sentences
    model      what the model is
    warning    that the study is too small to decide much; empty where it is not
    sections   in their order; their findings are the report's
    passages   how it was made, for those who ask
    """

    title: str
    asked: str
    model: str
    warning: str
    sections: list[Section]
    passages: list[Passage]

    @property
    def shown_first(self) -> list[tuple[Section, Finding]]:
        """The findings of the first screen: all, and of a small study those that are decided."""
        return [each for each in self._findings() if not self._is_folded(each[1])]

    @property
    def folded(self) -> list[tuple[Section, Finding]]:
        """The other findings, which the first screen has behind one line with their number."""
        return [each for each in self._findings() if self._is_folded(each[1])]

    def _findings(self) -> Iterator[tuple[Section, Finding]]:
        return ((section, own) for section in self.sections for own in section.findings)

    def _is_folded(self, own: Finding) -> bool:
        return bool(self.warning) and own.verdict == Verdict.UNDECIDED

    @property
    def first_with_curve(self) -> Section | None:
        """The section whose small figure stands on the first screen."""
        return next((section for section in self.sections if section.curve), None)


def write_report(path: Path, report: Report, manifest: Mapping[str, Any]) -> None:
    """Write it as JSON, with the manifest of its run; sections without the numbers behind them."""
    bare = replace(report, sections=[replace(own, numbers={}) for own in report.sections])
    with replacing(path) as temporary:
        temporary.write_text(dump_json({**asdict(bare), "manifest": manifest}), encoding="utf-8")


def read_report(path: Path) -> Report:
    """raises UserError where the file is not what `write_report` wrote"""
    try:
        content = read_json(path)
        content.pop("manifest")
        sections = [section_of(item) for item in content.pop("sections")]
        passages = [Passage(**item) for item in content.pop("passages")]
        return Report(**content, sections=sections, passages=passages)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a report ({error}); run write_summary again") from None


def summary_lines(report: Report, tables: Sequence[SectionTable]) -> list[str]:
    """The findings and the few numbers, in Markdown.

    tables   the few numbers
    """
    lines = [f"# {report.title}", "", report.asked, "", report.model, ""]
    lines += [report.warning, ""] if report.warning else []
    lines += ["## What was found", ""]
    for section in report.sections:
        if section.findings:
            lines += [f"{section.title}:", ""]
            lines += [section.too_small, ""] if section.too_small else []
            lines += [*finding_lines(section.findings), ""]
    for item in tables:
        lines += [f"## {item.caption}", "", *table(item.header, item.rows, item.n_left)]
    return lines
