"""Points that a section names by their numbers alone."""

import re

from fimscope.report.findings import finding_text
from fimscope.report.sections import Section

BARE = re.compile(r"\b(?:at|from) -?\d+(?!\S*%)")


def bare_points(section: Section) -> list[str]:
    """Findings and sentences in which `at` or `from` stands before a bare number."""
    said = [*map(finding_text, section.findings), *section.reading]
    return [text for text in said if BARE.search(text)]
