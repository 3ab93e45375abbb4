"""The report's BibTeX holds what its sections cite, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fimscope.report.citation import bibtex
from fimscope.report.references import ENTRIES, cited_entries

SCRIPTS = Path(__file__).parents[2] / "scripts"
WORK = re.compile(r"[A-Z]\w+ (?:et al\.|& [A-Z]\w+)(?:,? arXiv)? \(?(\d{4}\.\d{5})?")


def reported_texts() -> Iterator[str]:
    """Every text that a step or the library may put into a section: no docstrings."""
    for path in sorted(SCRIPTS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {id(node) for node in ast.walk(tree) if path.name == "bibliography.py"}
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value for p in node.values if isinstance(p, ast.Constant))
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and id(node) not in said | own:
                yield str(node.value)


def test_every_work_that_a_section_names_has_an_entry():
    cited = {(match[0], match[1]) for text in reported_texts() for match in WORK.finditer(text)}
    assert len(cited) > 8
    assert [words for words, number in cited if number not in ENTRIES] == []
    bare = {n for text in reported_texts() for n in re.findall(r"\b\d{4}\.\d{5}\b", text)}
    assert bare <= set(ENTRIES)
    assert any("nostalgebraist" in text for text in reported_texts())


@pytest.mark.parametrize("mark", ENTRIES)
def test_an_entry_is_whole_and_is_what_its_mark_says(mark):
    entry = ENTRIES[mark]
    assert entry.count("{") == entry.count("}")
    assert re.match(r"@\w+\{[a-z]+\d{4}[a-z]+,\n", entry)
    assert all(f"{field} = {{" in entry for field in ("title", "author", "year"))
    if mark[0].isdigit():
        assert f"eprint = {{{mark}}}" in entry


def test_only_what_is_cited_is_given():
    manifest = {"git": {"commit": "a" * 40}, "fimscope": "1.2"}
    told = bibtex(manifest, "Probes (Hewitt & Liang 1909.03368), adjusted by Holm's method.")
    keys = re.findall(r"@\w+\{(\w+)", told)
    assert keys == ["fimscope", "hewitt2019control", "holm1979procedure"]
    assert f"commit {'a' * 40}" in told
    assert cited_entries("nothing") == ""
