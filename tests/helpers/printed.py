"""The text of a PDF as Chromium prints it, each piece with where it stands on its page."""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

Matrix = tuple[float, float, float, float, float, float]
NUMBER = rb"-?\d*\.?\d+"
# What moves text, names its font and shows it; all else of a page is skipped.
OPERATIONS = re.compile(
    rb"(?P<save>\bq\n)|(?P<restore>\bQ\n)"
    rb"|(?P<matrix>(?:" + NUMBER + rb"\s+){6})(?P<kind>cm|Tm)"
    rb"|/(?P<font>F\d+) " + NUMBER + rb" Tf"
    rb"|(?P<dx>" + NUMBER + rb") (?P<dy>" + NUMBER + rb") Td"
    rb"|(?P<shown><[0-9A-F]+>|\[[^\]]*\]) T[jJ]"
)


class Printed(NamedTuple):
    """A piece of text; x and y in points from the page's lower left corner."""

    page: int
    x: float
    y: float
    text: str


def printed_pieces(pdf: bytes) -> list[Printed]:
    """All pieces of text in the order in which they are painted, page by page."""
    objects = {
        int(found[1]): found[2]
        for found in re.finditer(rb"(?m)^(\d+) 0 obj\s(.*?)endobj", pdf, re.DOTALL)
    }
    pages = [own for own in objects.values() if re.search(rb"/Type /Page\b(?!s)", own)]
    return [
        piece
        for number, page in enumerate(pages)
        for piece in _pieces(
            number,
            _stream(objects[int(re.search(rb"/Contents (\d+) 0 R", page)[1])]),
            {
                name: _letters(objects, objects[int(place)])
                for name, place in re.findall(rb"/(F\d+) (\d+) 0 R", page)
            },
        )
    ]


def _pieces(page: int, content: bytes, fonts: dict[bytes, dict[bytes, str]]) -> Iterator[Printed]:
    at: Matrix = (1, 0, 0, 1, 0, 0)
    kept: list[Matrix] = []
    text, letters = at, {}
    for found in OPERATIONS.finditer(content):
        if found["save"]:
            kept.append(at)
        elif found["restore"]:
            at = kept.pop()
        elif found["matrix"]:
            matrix = tuple(map(float, found["matrix"].split()))
            if found["kind"] == b"cm":
                at = _times(matrix, at)
            else:
                text = matrix
        elif found["font"]:
            letters = fonts[found["font"]]
        elif found["dx"]:
            text = _times((1, 0, 0, 1, float(found["dx"]), float(found["dy"])), text)
        else:
            codes = b"".join(re.findall(rb"<([0-9A-F]+)>", found["shown"]))
            shown = (letters.get(codes[i : i + 4], "") for i in range(0, len(codes), 4))
            *_, x, y = _times(text, at)
            yield Printed(page, x, y, "".join(shown))


def _times(first: Matrix, then: Matrix) -> Matrix:
    (a, b, c, d, e, f), (g, h, i, j, k, m) = first, then
    return (
        *(a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j),
        *(e * g + f * i + k, e * h + f * j + m),
    )


def _stream(of: bytes) -> bytes:
    return zlib.decompress(of.split(b"stream\n", 1)[1].rsplit(b"endstream", 1)[0])


def _letters(objects: dict[int, bytes], font: bytes) -> dict[bytes, str]:
    """Glyph -> letters, both of a font's ToUnicode map; none of a font without one."""
    place = re.search(rb"/ToUnicode (\d+) 0 R", font)
    if not place:
        return {}
    table = _stream(objects[int(place[1])])
    letters = {}
    for block in re.findall(rb"beginbfchar\n(.*?)endbfchar", table, re.DOTALL):
        for glyph, text in re.findall(rb"<([0-9A-F]+)> <([0-9A-F]+)>", block):
            letters[glyph] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange\n(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(rb"<(\w+)> <(\w+)> <(\w+)>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                letters[b"%04X" % (int(first, 16) + step)] = chr(int(text, 16) + step)
    return letters
