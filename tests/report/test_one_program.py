"""The mean of one program has no interval: it is said and drawn without."""

import json

import numpy as np
import pytest

from fimscope.experiments.patch.drawing import effect_frame
from fimscope.report.format import at, with_interval
from fimscope.report.theme import draw_curve, draw_interval, use_theme
from fimscope.statistics.intervals import Clustered


@pytest.fixture
def curve():
    """Two rows of one program at three points, as they stand in a section's file."""
    values = np.array([[0.0, 0.5, 1.0], [0.2, 0.7, 1.0]])
    found = json.loads(json.dumps(Clustered.of(values, ["a", "a"]).mean().ends()))
    assert found["lower"] == found["upper"] == [None] * 3
    return found


def test_it_is_said(curve):
    assert with_interval(at(curve, 1), ".1f", 100, "%") == "60.0% (one program: no interval)"


def test_it_is_drawn(curve):
    use_theme()
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    draw_curve(axes, [0, 1, 2], curve, "paired", "paired")
    draw_interval(axes, 1, at(curve, 1), "black")
    axes.set_ylim(effect_frame([{"effects": {"paired": curve}}]))
    figure.canvas.draw()
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([0.1, 0.6, 1.0])
    assert len(axes.collections) == 1  # the band of the curve, which is empty; no bar
