"""Every link of a gallery, followed to the heading or the example that it names."""

import re
from pathlib import Path
from urllib.parse import unquote

from fimscope.explorer.blocks import unpack

HREF = re.compile(r'<a[^>]* href="([^"]*)"')
IN_MARKDOWN = re.compile(r"\]\(([^)]*)\)")


def dead_links(folder: Path) -> list[str]:
    """Page and target of each link of the gallery that leads nowhere."""
    pages = [path for path in sorted(folder.rglob("*.*")) if path.suffix in (".html", ".md")]
    texts = {path.resolve(): path.read_text("utf-8") for path in pages}
    return [
        f"{path.relative_to(folder.resolve())}: {target}"
        for path, text in texts.items()
        if path.name != "explorer.html"  # whose links are made in the browser
        for target in (IN_MARKDOWN if path.suffix == ".md" else HREF).findall(text)
        if not target.startswith("https://") and not _leads(path, target, texts)
    ]


def _leads(page: Path, target: str, texts: dict[Path, str]) -> bool:
    name, _, place = target.partition("#")
    led_to = (page.parent / name).resolve() if name else page
    if not led_to.is_file() or not place:
        return led_to.is_file()
    if place.startswith("/example/"):
        return unquote(place.split("/")[2].partition("?")[0]) in shown_examples(texts[led_to])
    return place.startswith("/?") or f'id="{place}"' in texts[led_to]


def shown_examples(explorer: str) -> list[str]:
    """The ids of the examples that a single-file explorer holds."""
    [block] = re.findall(r'id="block-index">([^<]*)<', explorer)
    ids = unpack(block)["examples"]["id"]
    assert len(re.findall(r'id="block-\d+"', explorer)) == len(ids)
    return ids
