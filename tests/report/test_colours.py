"""One source of colours, that can be told from the paper and from one another."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from fimscope.experiments.icl.choices import CHOICES
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.samples.tables import KS
from fimscope.report.styles import PALETTE, STYLES, SURFACES, style_rule
from fimscope.report.svg import inline_svg
from plot_probes import KINDS, LINES
from plot_samples import ANSWERS, LEVEL_WIDTHS

EXPLORER = Path(__file__).parents[2] / "scripts/explorer"
# Machado, Oliveira & Fernandes 2009, table 1, severity 1: linear RGB as a reader sees it.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
# What one panel draws together.
PANELS = {
    "patches": DONOR_KINDS,
    "lens": ("right", "wrong", "foil"),
    "pairs of the lens": ("original", "broken", "foil"),
    "differences of the lens": ("gold", "foil"),
    "lenses": ("linear_lens", "logit_lens", "shuffled"),
    "subspaces": ("types", "variance", "random", "complement", "whole", "learned"),
    "repairs": ("mended", "worsened", "self"),
    # The two kinds of guesses are one grey, told apart by their marks.
    "samples": ("greedy", *(f"pass_at_{k}" for k in KS), "chance"),
    "pass@k": ANSWERS,
    "pass@k by verdict": LEVEL_WIDTHS,
    "steering": ("mean_difference", "gold_type", "majority_type", "random", "worsened"),
    "probes": [*(KINDS[name] for name in ("right", "wrong", "answer")), *LINES.values()],
    "solved examples": CHOICES,
    "outcomes": ("right", "wrong", "broken", "mended"),
}


def linear(colour: str) -> np.ndarray:
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2."""
    darker, lighter = sorted(float(linear(c) @ TO_XYZ[1]) for c in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB under D65."""
    xyz = np.array(TO_XYZ) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_stands_out_from_its_paper(theme):
    paper, tint = (getattr(SURFACES[name], theme) for name in ("paper", "tint"))
    for hue, colour in PALETTE.items():
        assert contrast(getattr(colour, theme), paper) >= 3, hue
    for name in ("ink", "faint", "link"):  # these are read
        colour = getattr(SURFACES[name], theme)
        assert min(contrast(colour, on) for on in (paper, tint)) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("panel", PANELS)
def test_colours_of_a_panel_stay_apart_for_colour_blind_readers(panel, theme):
    hues = {STYLES[thing].hue for thing in PANELS[panel]}
    assert len(hues) == len(set(PANELS[panel])), "two things of one colour"
    for one, other in itertools.combinations(sorted(hues), 2):
        seen = [linear(getattr(PALETTE[hue], theme)) for hue in (one, other)]
        for reader, matrix in SEEN.items():
            apart = np.linalg.norm(np.subtract(*(lab(np.array(matrix) @ rgb) for rgb in seen)))
            assert apart > 12, (one, other, reader)


def test_the_pages_and_the_figures_take_the_same_colours():
    rule = style_rule()
    for thing, style in STYLES.items():
        assert f"--{thing.replace('_', '-')}: var(--{style.hue});" in rule
        assert style.colour == PALETTE[style.hue].light
    for module in EXPLORER.glob("*.mjs"):
        text = module.read_text(encoding="utf-8")
        assert not re.search(r"#[0-9a-fA-F]{6}\b|\brgb\(", text), module.name
    used = re.findall(r"var\((--[\w-]+)", "".join(p.read_text() for p in EXPLORER.iterdir()))
    own = (EXPLORER / "style.css").read_text(encoding="utf-8")
    known = set(re.findall(r"(?m)^ *(--[\w-]+):", rule + own))
    assert set(used) - {"--"} <= known


def test_a_figure_in_a_page_has_the_pages_colours():
    blue, cell = PALETTE["blue"].light.lower(), "#f7fbff"
    path = f'<path style="fill: {blue}; stroke: {cell}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{path}</svg>'
    assert f'style="fill: var(--blue); stroke: {cell}"' in inline_svg(svg, "f", "")
