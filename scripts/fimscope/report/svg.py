"""A figure's SVG file as an element of a page: the same picture in fewer bytes and elements."""

import hashlib
import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fimscope.errors import UserError
from fimscope.report.styles import EMPTY, property_of

SVG = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"
_NUMBER = re.compile(r"-?\d+\.\d+")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_PLACED = ("d", "x", "y", "width", "height", "points", "transform")  # all in units of the figure
_AROUND_COMMAND = re.compile(r" ?([A-DF-Za-df-z]) ?")  # of a path; "e" is of a number
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)")


def inline_svg(svg: str, name: str, label: str) -> str:
    """The element: no prologue, no size of its own, its ids those of this figure alone.

    Coordinates keep one decimal, a tenth of a printed point; groups and turns that say nothing, and
    ids that nothing names, go; other ids are numbers; a style that recurs is said once. Text stays
    text. Colours of the theme become those of the page.

    name     of the figure, unique in the page
    label    what is read out in the picture's place
    raises   UserError where there is no SVG
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise UserError(f"{name}.svg: not an SVG ({error}); make the figure again") from None
    if root.tag != f"{{{SVG}}}svg":
        raise UserError(f"{name}.svg: no <svg> element; make the figure again")
    for element in list(root.iter()):
        _drop_metadata(element)
    ids = {id: f"{name}-{i}" for i, id in enumerate(dict.fromkeys(_references(root)))}
    for element in root.iter():
        _rewrite(element, ids)
    _unwrap_groups(root)
    _name_styles(root)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib.update({"role": "img", "aria-label": label})
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode")


def why_empty(svg: str) -> str:
    """Why a figure has nothing to draw, as its panels say; "" of one that draws something."""
    found = re.search(rf"<dc:description>{re.escape(EMPTY)}([^<]*)</dc:description>", svg)
    return html.unescape(found[1]) if found else ""


def _drop_metadata(element: Element) -> None:
    for child in element.findall(f"{{{SVG}}}metadata"):
        element.remove(child)


def _references(root: Element) -> Iterator[str]:
    """Every id that an element of the figure names."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if key in ("href", f"{{{LINK}}}href"):
                yield value.removeprefix("#")
            yield from _REFERENCE.findall(value)


def _rewrite(element: Element, ids: Mapping[str, str]) -> None:
    """Shorten what an element says; ids are named anew."""
    for key, value in list(element.attrib.items()):
        if key == "id":
            del element.attrib[key]
            if value in ids:
                element.set("id", ids[value])
        elif key in ("href", f"{{{LINK}}}href"):
            del element.attrib[key]
            own = value.startswith("#")
            # A link leads from the folder of the figures, beside which the page stands.
            element.set("href", f"#{ids[value[1:]]}" if own else value.removeprefix("../"))
        elif key == "transform" and _NO_TURN.fullmatch(value):
            del element.attrib[key]
        elif key in _PLACED:
            placed = " ".join(_NUMBER.sub(_rounded, value).split())
            element.set(key, _AROUND_COMMAND.sub(r"\1", placed) if key == "d" else placed)
        else:
            named = _REFERENCE.sub(lambda match: f"url(#{ids[match[1]]})", value)
            element.set(key, _COLOUR.sub(_own_colour, named) if key == "style" else named)
    for place in ("text", "tail"):  # the line breaks and indents between elements
        if not (getattr(element, place) or "").strip():
            setattr(element, place, None)


def _rounded(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _own_colour(match: re.Match[str]) -> str:
    return property_of(match[0]) or match[0]


def _unwrap_groups(element: Element) -> None:
    """Put what groups without an attribute hold in their place."""
    children: list[Element] = []
    for child in element:
        _unwrap_groups(child)
        plain = child.tag == f"{{{SVG}}}g" and not child.attrib
        children += list(child) if plain else [child]
    element[:] = children


def _name_styles(root: Element) -> None:
    """Say each style that recurs once, as a class of the figure, which is named by what it says."""
    counts = Counter(element.get("style") for element in root.iter())
    names = {
        style: f"s{hashlib.sha256(style.encode()).hexdigest()[:8]}"
        for style, n in counts.items()
        if style and n > 1
    }
    for element in root.iter():
        if element.get("style") in names:
            element.set("class", names[element.attrib.pop("style")])
    if names:
        rules = Element(f"{{{SVG}}}style")
        rules.text = "".join(f".{name}{{{style}}}" for style, name in names.items())
        root.insert(0, rules)
