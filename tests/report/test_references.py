"""The report's BibTeX holds what its sections cite, and they cite what they name."""

import ast
import re
from pathlib import Path

import pytest

import write_summary
from fimscope.errors import UserError
from fimscope.report.references import bibtex, read_references

SCRIPTS = Path(__file__).parents[2] / "scripts"
MANIFEST = {"git": {"commit": "a" * 40}, "fimscope": "1.2"}
# What a text names without a number.
NAMES = {
    "nostalgebraist2020lens": "nostalgebraist",
    "cameron2011multiway": "Cameron, Gelbach",
    "crawford1998comparing": "Crawford",
    "fisher1936discriminant": "Fisher",
    "holm1979procedure": "Holm",
    "miller2024evals": "95%, clustered by program",
}


def mark(key: str) -> str:
    """What stands in a text that names a work."""
    return NAMES.get(key) or re.search(r"eprint = \{([\d.]+)\}", read_references()[key])[1]


def section_text(path: Path) -> str:
    """A section's module and those beside it that hold parts of its text."""
    return "\n".join(own.read_text("utf-8") for own in sorted(path.parent.glob("*section.py")))


def named_and_cited(path: Path) -> tuple[set[str], set[str]]:
    """The works that `method`, `control` and the constants of these names say, and `cites`."""
    said, cited = "", set()
    for node in ast.walk(ast.parse(section_text(path))):
        name = getattr(node, "arg", None) or getattr(getattr(node, "targets", [None])[0], "id", "")
        if not isinstance(node, ast.keyword | ast.Assign):
            continue
        texts = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
        if name.lower() in ("method", "control"):
            said += " ".join(map(str, texts))
        elif name.lower() == "cites":
            cited.update(texts)
    return {key for key in read_references() if mark(key) in said}, cited


SECTIONS = [
    path
    for path in sorted(SCRIPTS.glob("fimscope/experiments/*/section.py"))
    if "Section(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.parent.name)
def test_a_section_cites_the_works_that_it_names(path):
    named, cited = named_and_cited(path)
    assert named == cited
    assert cited
    numbers = re.findall(r"\b\d{4}\.\d{5}\b", section_text(path))
    assert set(numbers) <= {mark(key) for key in cited}


def test_the_paragraph_for_a_paper_cites_the_works_that_it_names():
    row = {"edit": "original", "n": 1, "n_programs": 1}
    text = write_summary.methods_paragraph(
        {"accuracy": [row]},
        {"source": {}, "revision": None, "family": "x", "n_blocks": 1, "d_model": 1},
        {
            "prompt": {"golds": "all", "format": "fim", "max_tokens": 1},
            "model": {"name": "x", "dtype": "float32"},
            "statistics": {"draws": 1},
            "seed": 1,
        },
    )
    named = {key for key in read_references() if mark(key) in text}
    assert named == set(write_summary.METHODS_CITE)


@pytest.mark.parametrize("key", read_references())
def test_an_entry_is_whole(key):
    entry = read_references()[key]
    assert entry.count("{") == entry.count("}")
    assert all(f"{field} = {{" in entry for field in ("title", "author", "year"))


def test_every_entry_is_read_and_has_a_mark_of_its_own():
    path = SCRIPTS / "fimscope/report/references.bib"
    keys = read_references().keys()
    assert len(keys) == path.read_text(encoding="utf-8").count("@")
    assert len({mark(key) for key in keys}) == len(keys)


def test_only_what_is_cited_is_given_in_the_order_of_the_file():
    told = bibtex(MANIFEST, ["holm1979procedure", "hewitt2019control", "holm1979procedure"])
    keys = re.findall(r"@\w+\{(\w+)", told)
    assert keys == ["fimscope", "hewitt2019control", "holm1979procedure"]
    assert f"commit {'a' * 40}" in told
    with pytest.raises(UserError, match=r"nobody2000: cited, but no entry of references\.bib"):
        bibtex(MANIFEST, ["nobody2000"])
