"""Tables of patch curves for the sections of the report."""

from collections.abc import Mapping

from fimscope.experiments.patch.readings import effect_at
from fimscope.report.format import percent, rate
from fimscope.report.markdown import code
from fimscope.report.sections import SectionTable
from fimscope.statistics.numbers import Numbers


def curve_table(sweep: Numbers) -> SectionTable:
    """Effect and flips of the paired donor at every point, and of each control."""
    caption = (
        f"{code(sweep['condition'])} at {code(sweep['position'])}: {sweep['n_pairs']} pairs, "
        f"{sweep['n_small_gap']} without a normalised effect"
    )
    if sweep["largest_self_effect"] is not None:
        caption += f"; largest change by `self`: {sweep['largest_self_effect']:z.3f}"
    comparison = sweep["comparison"]
    above = set(comparison["points_above"]) if comparison else set()
    controls = [kind for kind in sweep["flips"] if kind != "paired"]
    rows = []
    for place, point in enumerate(sweep["points"]):
        cells = [
            str(point),
            effect_at(sweep["effects"].get("paired"), place),
            "yes" if point in above else "no",
            _flips(sweep["flips"].get("paired"), place),
        ]
        for control in controls:
            effect = sweep["effects"].get(control)
            shown = f"{effect['estimate'][place]:z.3f}" if effect else "none"
            cells.append(f"{shown}; {percent(sweep['flips'][control]['estimate'][place])}")
        rows.append(cells)
    names = [f"{code(control)}: effect; becomes target" for control in controls]
    header = ["point", "paired effect", "above controls", "becomes target", *names]
    return SectionTable(caption, header, rows)


def _flips(curve: Mapping[str, list[float]] | None, place: int) -> str:
    if curve is None:
        return "none"
    return rate({key: curve[key][place] for key in ("estimate", "lower", "upper")})
