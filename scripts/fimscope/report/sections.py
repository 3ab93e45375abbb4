"""A section of the report: what one experiment asked, did and found."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json
from fimscope.report.findings import Finding
from fimscope.report.format import say_too_small
from fimscope.statistics.verdicts import Verdict


@dataclass(frozen=True)
class SectionTable:
    """A table of a section; its cells are Markdown, the first `n_left` columns stand left.

    note   what must be known to read it, under the table
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    n_left: int = 1
    note: str = ""


@dataclass(frozen=True)
class Section:
    """What one experiment asked, did and found, for the report.

    findings  its claims, the one that matters most first; they stand in the report's head too
    cites     keys of references.bib: the works that method and control name
    reading   sentences made from the numbers by rule: what findings and tables do not say
    figures   (file name in figures/, caption)
    sources   the tables behind the numbers, from the study's folder of results
    numbers   the same numbers, for figures.json
    power     what the study could have shown at all, in one sentence
    too_small  which of its tests could show nothing at this size, whatever the data are; stands
               before what was found, and is written with the section
    curve     (file name in figures/, caption) of a small figure for the report's first screen
    docs      the page of docs/ that says how it is done
    explorer  the query of the explorer's address that lists its examples
    explorer_of  figure -> the query of a figure that speaks of other examples
    """

    title: str
    question: str
    findings: list[Finding]
    method: str
    control: str
    cites: list[str]
    reading: list[str]
    figures: list[tuple[str, str]]
    tables: list[SectionTable]
    sources: list[str]
    numbers: dict[str, Any]
    power: str = ""
    too_small: str = ""
    curve: tuple[str, str] | None = None
    docs: str = "method.md"
    explorer: str = ""
    explorer_of: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """By which links within a page find it."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def write_section(path: Path, section: Section, manifest: Mapping[str, Any]) -> None:
    """Write a section, with the manifest of the run that made it, as JSON."""
    section = replace(section, too_small=say_too_small(section.title, section.numbers))
    text = dump_json({**asdict(section), "manifest": manifest})
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_section(path: Path) -> Section:
    """raises UserError where the file is not a section"""
    try:
        content = read_json(path)
        content.pop("manifest")
        return section_of(content)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a section of the report ({error}); make it again") from None


def section_of(content: Mapping[str, Any]) -> Section:
    """A section from its values in JSON; raises KeyError, TypeError or ValueError."""
    findings = [
        Finding(**{**item, "verdict": Verdict(item["verdict"])}) for item in content["findings"]
    ]
    figures = [(name, caption) for name, caption in content["figures"]]
    tables = [SectionTable(**item) for item in content["tables"]]
    curve = tuple(content["curve"]) if content.get("curve") else None
    return Section(
        **{
            **content,
            "findings": findings,
            "figures": figures,
            "tables": tables,
            "curve": curve,
        }
    )
