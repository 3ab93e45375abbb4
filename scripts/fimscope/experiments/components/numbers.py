"""Numbers of the patches of single parts: those of a sweep, over parts in place of points."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.curves import Sweep, read_frame, sweep_of
from fimscope.experiments.patch.numbers import points_below, sweep_numbers, verdicts_of
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.numbers import INTERVAL, Numbers
from fimscope.statistics.verdicts import Verdict

KINDS = ("attention_output", "mlp_output", "head")


def component_numbers(
    path: Path, pairs: pa.Table, bootstrap: Bootstrap, margin: float
) -> list[Numbers]:
    """Numbers of `sweep_numbers` of each kind of component, whose points are its places."""
    return [sweep_numbers(read_components(path, pairs, kind), bootstrap, margin) for kind in KINDS]


def read_components(path: Path, pairs: pa.Table, component: str) -> Sweep:
    """The curves of one kind of component, over its blocks in place of points.

    component   attention_output, mlp_output, or head, whose places are numbered block by block:
                head i of block b is place b * n_heads + i
    raises      UserError as `read_sweep` does
    """
    frame = read_frame(path, COMPONENTS, ["component", "block", "head"])
    if frame.empty:
        return Sweep(path.stem, component, [], {}, {}, 0, 0)
    frame = frame[frame["component"] == component].copy()
    n_heads = int(frame["head"].max()) + 1 if component == "head" else 1
    frame["point"] = frame["block"] * n_heads + frame["head"].fillna(0).astype(int)
    return sweep_of(path, frame, pairs, component, "place")


def part_numbers(sweeps: Sequence[Numbers]) -> list[Numbers]:
    """Every part of one condition that has a mean effect.

    sweeps    of `component_numbers`, KINDS in order
    returns   kind, of KINDS; block; head, None but of a head; place, in its sweep; estimate, lower,
              upper, of the paired donor's mean effect; verdict, of `it does more than every
              control`; against, the verdict of `it does less than every control`
    """
    return [part for sweep in sweeps for part in _parts_of(sweep, len(sweeps[0]["points"]))]


def largest_each_way(parts: Sequence[Numbers]) -> list[Numbers]:
    """The part with the largest effect towards the donor's answer, and that with the largest
    against it; either is left out where none goes that way.

    parts   of `part_numbers`
    """
    ends = (function(parts, key=_effect, default=None) for function in (max, min))
    return [own for own, sign in zip(ends, (1, -1), strict=True) if own and sign * _effect(own) > 0]


def by_size(parts: Sequence[Numbers]) -> list[Numbers]:
    """The parts with the largest effects first, in whichever direction."""
    return sorted(parts, key=lambda part: -abs(_effect(part)))


def _effect(part: Numbers) -> float:
    return part["estimate"]


def _against(verdict: Verdict, is_below: bool) -> Verdict:
    """Whether a part does less than every control: what does more, or next to nothing, does not."""
    if is_below:
        return Verdict.SHOWN
    return Verdict.UNDECIDED if verdict is Verdict.UNDECIDED else Verdict.SHOWN_ABSENT


def _parts_of(sweep: Numbers, n_blocks: int) -> list[Numbers]:
    curve, comparison = sweep["effects"].get("paired"), sweep["effect_comparison"]
    if curve is None:
        return []
    verdicts = {p: v for v, points in verdicts_of(sweep, comparison).items() for p in points}
    n_heads = len(sweep["points"]) // n_blocks
    return [
        {
            "kind": sweep["position"],
            "block": point // n_heads,
            "head": point % n_heads if sweep["position"] == "head" else None,
            "place": place,
            **{key: curve[key][place] for key in INTERVAL},
            "verdict": verdicts[point],
            "against": _against(verdicts[point], point in points_below(comparison)),
        }
        for place, point in enumerate(sweep["points"])
    ]
