"""A section of the report: what one experiment asked, did and found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json
from fimscope.report.markdown import table


@dataclass(frozen=True)
class SectionTable:
    """A table of a section; its cells are Markdown, the first `n_left` columns stand left."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    n_left: int = 1


@dataclass(frozen=True)
class Section:
    """What one experiment asked, did and found, for the report.

    cites     keys of references.bib: the works that method and control name
    reading   sentences made from the numbers by rule
    figures   (file name in figures/, caption)
    sources   the tables behind the numbers, from the model's folder of results
    numbers   the same numbers, for figures.json
    """

    title: str
    question: str
    method: str
    control: str
    cites: list[str]
    reading: list[str]
    figures: list[tuple[str, str]]
    tables: list[SectionTable]
    sources: list[str]
    numbers: dict[str, Any]


def write_section(path: Path, section: Section, manifest: Mapping[str, Any]) -> None:
    """Write a section, with the manifest of the run that made it, as JSON."""
    text = dump_json({**asdict(section), "manifest": manifest})
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_section(path: Path) -> Section:
    """raises UserError where the file is not a section"""
    try:
        content = read_json(path)
        content.pop("manifest")
        tables = [SectionTable(**item) for item in content.pop("tables")]
        figures = [(name, caption) for name, caption in content.pop("figures")]
        return Section(**content, tables=tables, figures=figures)
    except (OSError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a section of the report ({error}); make it again") from None


def section_lines(section: Section, figures: str) -> list[str]:
    """The section in Markdown.

    figures   the link from the page to the folder of the figures
    """
    lines = [f"## {section.title}", "", f"*{section.question}*", ""]
    for name, caption in section.figures:
        lines += [f"![{caption}]({figures}/{name})", ""]
    lines += [" ".join(section.reading), ""]
    lines += [f"**Method.** {section.method}", "", f"**Control.** {section.control}", ""]
    for item in section.tables:
        lines += [f"{item.caption}:", "", *table(item.header, item.rows, item.n_left)]
    lines += source_lines(section.sources)
    return lines


def source_lines(sources: Sequence[str]) -> list[str]:
    """Which tables the numbers come from, in Markdown; nothing where there is none."""
    if not sources:
        return []
    return [f"The numbers come from {', '.join(f'`{source}`' for source in sources)}.", ""]
