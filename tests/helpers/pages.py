"""The Markdown pages of the project: their blocks of code, and the commands that they name."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("snakemake", "make", "python")


@dataclass(frozen=True)
class Block:
    """A block of code; `file` is the path that its title names, if it has one."""

    page: str
    section: str
    language: str
    file: str | None
    text: str


def blocks(page: Path) -> list[Block]:
    found, section = [], ""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if before.type == "heading_open" and before.tag == "h2":
            section = token.content
        if token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = re.fullmatch(r'title="(.+)"', rest)
            found.append(Block(page.name, section, language, title and title[1], token.content))
    return found


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command of PROGRAMS that a page gives, in a block or within a line."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info in ("bash", "sh"):
            lines = token.content.replace("\\\n", " ").splitlines()
        else:
            spans = token.children or []
            lines = [child.content for child in spans if child.type == "code_inline"]
        for line in lines:
            for part in re.split(r"&&|;|\|", line):
                words = shlex.split(part, comments=True)
                if words and words[0] in PROGRAMS and len(words) > 1:
                    yield words


def apply_block(project: Path, block: Block) -> None:
    """Write a block's file, or where it is a diff make its change at the one place that fits."""
    path = project / block.file
    if block.language != "diff":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{block.page}: {block.file} holds {text.count(old)} times {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")
