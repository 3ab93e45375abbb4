"""The works that the report cites, by their keys in references.bib."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fimscope.errors import UserError

BIBLIOGRAPHY = Path(__file__).parent / "references.bib"


def read_references() -> dict[str, str]:
    """The entries of references.bib by their keys, in its order."""
    entries = re.findall(r"(?ms)^(@\w+\{(\w+),\n.*?^\}\n)", BIBLIOGRAPHY.read_text("utf-8"))
    return {key: entry for entry, key in entries}


def bibtex(manifest: Mapping[str, Any], cites: Iterable[str]) -> str:
    """BibTeX entries: this pipeline at its version and commit, and what is cited.

    cites    keys of references.bib, in any order
    raises   UserError for a key that it lacks
    """
    known, cited = read_references(), set(cites)
    if unknown := sorted(cited - set(known)):
        raise UserError(f"{', '.join(unknown)}: cited, but no entry of {BIBLIOGRAPHY.name}")
    commit = manifest["git"]["commit"] or "unknown"
    own = (
        "@software{fimscope,\n"
        "  title = {fimscope: where and why a code language model gets a type wrong},\n"
        f"  version = {{{manifest['fimscope']}}},\n"
        f"  note = {{commit {commit}}}\n"
        "}\n"
    )
    return own + "".join(entry for key, entry in known.items() if key in cited)
