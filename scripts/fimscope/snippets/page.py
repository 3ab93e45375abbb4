"""An explanation as HTML: a page that needs nothing else, and the same as a view in a notebook."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.report.format import percent
from fimscope.report.styles import STYLES, custom_properties
from fimscope.report.svg import inline_svg
from fimscope.report.text import visible
from fimscope.report.theme import point_ticks, theme_settings
from fimscope.snippets import words
from fimscope.snippets.explanation import Explanation
from fimscope.snippets.readings import Reading
from fimscope.snippets.renaming import N_RANDOM, Renaming
from fimscope.snippets.snippet import HOLE

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
PAGE, VIEW = "templates/page.html.j2", "templates/view.html.j2"
STYLE = "templates/view.css"
CELL = 11  # characters in a cell of the lens


def explanation_page(explanation: Explanation) -> str:
    """The page as HTML; text of the snippet and of the model can be nothing but text in it."""
    return (
        _templates()
        .get_template(PAGE)
        .render(
            title=f"What {explanation.model} says for {explanation.snippet.name}",
            view=explanation_view(explanation),
        )
    )


def explanation_view(explanation: Explanation) -> str:
    """The same as an element, whose style acts on it alone."""
    original, renaming = explanation.original, explanation.renaming
    readings = {"As it was given": original}
    if renaming and renaming.patch:
        readings["With other names"] = renaming.reading
    return (
        _templates()
        .get_template(VIEW)
        .render(
            colours=custom_properties(),
            style=(HERE / STYLE).read_text("utf-8"),
            explanation=explanation,
            readings=readings,
            original=original,
            renaming=renaming,
            curve=_curve(renaming) if renaming and renaming.patch else "",
            words=words,
            n_random=N_RANDOM,
        )
    )


def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "token": lambda text: visible(text.strip(" ") or "␣", CELL),
        "text": lambda text: visible(text, 60),
        "pieces": _coloured,
        "around_hole": lambda text: _shown(text).split(HOLE),
    }
    return environment


def _coloured(reading: Reading) -> Iterator[tuple[str, float, str]]:
    """Text, weight and kind of region of each token; an unfinished character has no text."""
    attention = reading.attention
    strongest = float(attention.of_token.max())
    for piece, weight, kind in zip(
        reading.pieces, attention.of_token.tolist(), attention.kinds, strict=True
    ):
        yield _shown(piece), weight / strongest, f"{kind}, {percent(weight)}"


def _shown(text: str) -> str:
    """A program's text on the page: line breaks and spaces stay, control characters show."""
    return "\n".join(
        visible(part, 12 * len(part)) if part.strip() else part
        for part in text.replace("\t", "  ").split("\n")
    )


def _curve(renaming: Renaming) -> str:
    """The patch curve as an SVG element, in the look of the report's figures.

    Drawn without pyplot, so that a notebook keeps its own settings.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    patch = renaming.patch
    points = list(range(len(patch.effect)))
    out = StringIO()
    with rc_context(theme_settings()):
        figure = Figure(figsize=(5.2, 2.6))
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        shares = [n / N_RANDOM for n in patch.random]
        curves: dict[str, Any] = {"paired": patch.effect, "random": shares}
        labels = {"paired": "effect", "random": "random vectors that bring it back, share"}
        for kind, values in curves.items():
            style = STYLES[kind]
            axes.plot(
                points,
                [float("nan") if value is None else value for value in values],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                label=labels[kind],
            )
        axes.set_xticks(point_ticks(points))
        axes.set_xlabel("point")
        figure.legend(loc="outside upper center", ncols=2)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return inline_svg(out.getvalue(), "patch", "Effect of the patch at every point")
